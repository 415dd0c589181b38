// The HTTP API: one function an address; every failure is an ApiError with message and hint.

/** @import * as wire from './types/wire' */

/** The base of the API: beside the page's files, so that it may lie below any path. */
const BASE = new URL("../", import.meta.url);
const at = (path) => new URL(path, BASE).href;

export class ApiError extends Error {
  /** `status` 0: no answer came at all. `retryAfter`: seconds to wait, where the server said so. */
  constructor(status, { type, message, hint }, retryAfter = null) {
    super(message);
    this.status = status;
    this.type = type;
    this.hint = hint ?? "";
    this.retryAfter = retryAfter;
  }
}

const UNREACHABLE = {
  type: "ServerAway",
  message: "The server does not answer.",
  hint: "Check that stitch serve is still running, then try again.",
};

export const unreachable = () => new ApiError(0, UNREACHABLE);

async function call(path, { json, form, method, signal } = {}) {
  const options = { method: method ?? (json || form ? "POST" : "GET"), signal };
  if (json) {
    options.body = JSON.stringify(json);
    options.headers = { "content-type": "application/json" };
  } else if (form) {
    options.body = form;
  }
  let response;
  try {
    response = await fetch(at(path), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  const detail = body?.error ?? {
    type: "ServerError",
    message: `The server answered with status ${response.status}.`,
    hint: "Its log says more.",
  };
  const wait = Number.parseFloat(response.headers.get("retry-after") ?? "");
  throw new ApiError(response.status, detail, Number.isFinite(wait) ? wait : null);
}

const read = async (path, options) => {
  const response = await call(path, options);
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
};

/** Put an id into an address as the server does: slashes stay, unless a browser would resolve them. */
export function idPath(id) {
  const parts = id.split("/");
  const tricky = parts.some((part) => part === "" || part === "." || part === "..");
  return tricky ? encodeURIComponent(id) : parts.map(encodeURIComponent).join("/");
}

export const thumbnail = (id, side = 384) => at(`api/thumbnails/${idPath(id)}?side=${side}`);
export const imageUrl = (id, side = 1200) => at(`api/files/${idPath(id)}?side=${side}`);
export const uploadUrl = (token) => at(`api/uploads/${encodeURIComponent(token)}`);

/** To look around, a page needs no shard that is missing: the answers say so. Searches need all, unless asked otherwise. */
const partial = "true";

/** @returns {Promise<wire.GalleryInfo>} */
export const about = () => read(`api/gallery?${new URLSearchParams({ partial })}`);
/** @returns {Promise<wire.Examples>} */
export const examples = () => read(`api/examples?${new URLSearchParams({ partial })}`);
/** @returns {Promise<wire.ImagePage>} */
export const images = ({ offset, limit, q, where, order = "id" }, signal) =>
  read(`api/images?${new URLSearchParams({ offset, limit, q, order, partial, ...(where && { where }) })}`, { signal });
/** @returns {Promise<wire.ImageSections>} */
export const sections = ({ q, where, order = "id" }, signal) => read(`api/sections?${new URLSearchParams({ q, order, partial, ...(where && { where }) })}`, { signal });
/** @returns {Promise<wire.ImageDetail>} */
export const image = (id, signal) => read(`api/images/${idPath(id)}`, { signal });
/** Have the server's machine show an image's file in its folder. */
export const reveal = (id) => call("api/reveal", { json: { id } });
/** @returns {Promise<wire.GalleryFacets>} */
export function facets({ where = "", requests = [] }, signal) {
  const query = new URLSearchParams([...requests.map((each) => ["facet", each]), ["partial", partial]]);
  if (where) query.set("where", where);
  return read(`api/facets?${query}`, { signal });
}
/** @type {(request: wire.QueryRequest, signal?) => Promise<wire.SearchResponse>} */
export const search = (request, signal) => read("api/search", { json: request, signal });
/** @type {(request: wire.QueryRequest, id: string, signal?) => Promise<wire.Explanation>} */
export const explain = (request, id, signal) => read("api/explain", { json: { ...request, id }, signal });

/** @param {wire.QueryRequest} request */
export async function explanationImage(request, id, kind) {
  return (await call("api/explain/image", { json: { ...request, id, kind } })).blob();
}

export async function sheet(request) {
  return (await call("api/sheet", { json: request })).blob();
}

/** Have an upload kept with the gallery: its `id` may stand in a link. @returns {Promise<wire.KeptUpload>} */
export const keepUpload = (token) => read(`api/uploads/${encodeURIComponent(token)}/keep`, { method: "POST" });
export const removeUpload = (token) => call(`api/uploads/${encodeURIComponent(token)}`, { method: "DELETE" });

/** @returns {Promise<wire.UploadInfo>} */
export function upload(file, signal) {
  const form = new FormData();
  form.append("file", file, file.name || "pasted");
  return read("api/uploads", { form, signal });
}
