// A query: what is asked, how it stands in the address, and how it goes to the server.
//
// Query = {ref: {id} | {upload, name} | null, text, captions: [{text, weight, on}] | null (edited ones),
//          less: [id], hits, settings: {alpha, captions, transition, scorer, tau, beta, scale, …, less_weight,
//          min_score, include_reference}} where a setting that is null is the server's own.

export const HITS = 24;
const MOST_CAPTIONS = 64;

/** [name of the setting, key in the address, kind] */
const SETTINGS = [
  ["alpha", "a", "number"],
  ["captions", "k", "whole"],
  ["transition", "o", "name"],
  ["scorer", "s", "name"],
  ["tau", "tau", "number"],
  ["beta", "b", "number"],
  ["scale", "ps", "number"],
  ["image_weight", "pw", "number"],
  ["gain", "ig", "number"],
  ["loss", "il", "number"],
  ["epsilon", "e", "number"],
  ["hub_weight", "hw", "number"],
  ["hub_neighbours", "hn", "whole"],
  ["less_weight", "l", "number"],
  ["min_score", "m", "number"],
  ["include_reference", "i", "flag"],
];

export const noSettings = () => Object.fromEntries(SETTINGS.map(([name]) => [name, null]));

export function emptyQuery() {
  return { ref: null, text: "", captions: null, less: [], hits: HITS, settings: noSettings() };
}

export const copyQuery = (query) => structuredClone(query);

/** Tell whether there is anything to search with. */
export function asksSomething(query) {
  return Boolean(query.ref || query.text.trim() || query.captions?.some((one) => one.on && one.text.trim()));
}

/** Write a query as a fragment without '#': user text in it never reaches a server's log. */
export function toFragment(query, explained = null) {
  const out = new URLSearchParams();
  if (query.ref?.id !== undefined) out.set("r", query.ref.id);
  else if (query.ref) out.set("u", "1"); // an upload lives in this browser only: its token is no address
  if (query.text) out.set("t", query.text);
  for (const [name, key] of SETTINGS) {
    const value = query.settings[name];
    if (value !== null && value !== undefined) out.set(key, value === true ? "1" : String(value));
  }
  if (query.hits !== HITS) out.set("h", String(query.hits));
  if (query.captions) out.set("c", JSON.stringify(query.captions.map(({ text, weight, on }) => ({ text, weight, on }))));
  for (const id of query.less) out.append("n", id);
  if (explained !== null) out.set("x", explained);
  return out.toString();
}

/**
 * Read a fragment. Gives `{query, explained, lost}`; `query` is null for the gallery; `lost` names
 * what could not be read, because a link may be damaged on its way.
 */
export function fromFragment(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const query = emptyQuery();
  const lost = [];
  if (given.get("r")) query.ref = { id: given.get("r") };
  else if (given.get("u") === "1") query.ref = { upload: null, name: "" };
  query.text = given.get("t") ?? "";
  for (const [name, key, kind] of SETTINGS) {
    if (!given.has(key)) continue;
    const value = readSetting(given.get(key), kind);
    if (value === null) lost.push(name);
    else query.settings[name] = value;
  }
  if (given.has("h")) {
    const hits = readSetting(given.get("h"), "whole");
    if (hits === null || hits < 1) lost.push("hits");
    else query.hits = hits;
  }
  if (given.has("c")) {
    query.captions = readCaptions(given.get("c"));
    if (query.captions === null) lost.push("captions");
  }
  query.less = [...new Set(given.getAll("n"))].slice(0, 100);
  return { query: asksSomething(query) ? query : null, explained: given.get("x"), lost };
}

function readSetting(text, kind) {
  if (kind === "name") return /^[\w-]{1,64}$/.test(text) ? text : null;
  if (kind === "flag") return text === "1" ? true : null;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || (kind === "whole" && !Number.isInteger(value))) return null;
  return value;
}

function readCaptions(text) {
  let read;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(read) || read.length === 0 || read.length > MOST_CAPTIONS) return null;
  const fits = (one) => one !== null && typeof one === "object" && typeof one.text === "string";
  if (!read.every(fits)) return null;
  return read.map(({ text: words, weight, on }) => ({
    text: words,
    weight: typeof weight === "number" && weight >= 0 ? weight : 1,
    on: on !== false,
  }));
}

/** Make the JSON of a request; `most` hits can be asked for. */
export function toAsk(query, most = Infinity) {
  const settings = Object.entries(query.settings).filter(([, value]) => value !== null);
  let reference = null;
  if (query.ref) reference = query.ref.id === undefined ? { upload: query.ref.upload } : { id: query.ref.id };
  return {
    reference,
    text: query.text.trim(),
    captions: query.captions?.map(({ text, weight, on }) => ({ text, weight, on })) ?? null,
    less_like: query.less,
    settings: { ...Object.fromEntries(settings), k: Math.max(1, Math.min(query.hits, most)) },
  };
}

/** Tell whether two queries have the same reference and text: then their captions are the same. */
export function sameQuestion(one, other) {
  const key = ({ ref, text }) => JSON.stringify([ref?.id ?? null, ref?.upload ?? null, text.trim()]);
  return key(one) === key(other);
}
