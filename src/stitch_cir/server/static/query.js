// A query: what is asked, how it stands in the address, and how it goes to the server.
//
// Query = {ref: {id} | {upload, name} | null, text, captions: [{text, weight, on}] | null (edited ones),
//          less: [id], object, hits, settings: {alpha, num_captions, transition, scorer, tau, beta, scale, …, negative_weight,
//          min_score, include_reference}} where a setting that is null is the server's own.

export const HITS = 24;
const MOST_CAPTIONS = 64;

/** [name of the setting, key in the address, kind, least and most value] */
const SETTINGS = [
  ["alpha", "a", "number", 0, 1],
  ["num_captions", "k", "whole", 1, MOST_CAPTIONS],
  ["transition", "o", "name"],
  ["scorer", "s", "name"],
  ["tau", "tau", "number", Number.MIN_VALUE],
  ["beta", "b", "number", 0, 1],
  ["scale", "ps", "number"],
  ["image_weight", "pw", "number", 0, 1],
  ["gain", "ig", "number", 0, 1000],
  ["loss", "il", "number", 0, 1000],
  ["epsilon", "e", "number", 1e-6],
  ["hubness_weight", "hw", "number", 0, 1000],
  ["hubness_neighbours", "hn", "whole", 1, 1e6],
  ["negative_weight", "l", "number", 0, 1000],
  ["min_score", "m", "number", -2, 2],
  ["include_reference", "i", "flag"],
];

export const noSettings = () => Object.fromEntries(SETTINGS.map(([name]) => [name, null]));

export function emptyQuery() {
  return { ref: null, text: "", captions: null, less: [], object: "", hits: HITS, settings: noSettings() };
}

/** Count the settings that are not the standard. */
export const changedCount = ({ settings }) => Object.values(settings).filter((value) => value !== null).length;

export const copyQuery = (query) => structuredClone(query);

/** Return whether a caption takes part in a search. */
const takesPart = ({ text, on }) => on && text.trim() !== "";

/** Return whether there is anything to search with. */
export function isSearchable(query) {
  return Boolean(query.ref || query.text.trim() || query.captions?.some(takesPart));
}

/** Return whether every edited caption is switched off: then nothing is left to search with. */
export const allOff = (query) => query.captions !== null && !query.captions.some(takesPart);

/** Return whether a setting can have this value: what the server would refuse is never sent. */
export function canBe(name, value) {
  const [, , kind, least = -Infinity, most = Infinity] = SETTINGS.find((row) => row[0] === name);
  return Number.isFinite(value) && value >= least && value <= most && (kind !== "whole" || Number.isInteger(value));
}

/** Write a query as a fragment without '#': user text in it never reaches a server's log. */
export function toFragment(query, explained = null) {
  const out = new URLSearchParams();
  if (query.ref?.id !== undefined) out.set("r", query.ref.id);
  else if (query.ref) out.set("u", "1"); // an upload lives in this browser only: its token is no address
  if (query.text) out.set("t", query.text);
  if (query.object) out.set("d", query.object);
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
 * Read a fragment. Gives `{query, explained, lost}`; `query` is null for the gallery; `lost` lists
 * `[name, text]` of what could not be, because a link may be damaged on its way. `choices` holds the
 * names that a setting can have, where they are known.
 */
export function fromFragment(fragment, choices = {}) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const query = emptyQuery();
  const lost = [];
  if (given.get("r")) query.ref = { id: given.get("r") };
  else if (given.get("u") === "1") query.ref = { upload: null, name: "" };
  query.text = given.get("t") ?? "";
  query.object = query.ref ? (given.get("d") ?? "").slice(0, 60) : "";
  for (const [name, key, kind] of SETTINGS) {
    if (!given.has(key)) continue;
    const value = readSetting(name, given.get(key), kind);
    if (value === null || (kind === "name" && choices[name] && !choices[name].includes(value))) lost.push([name, given.get(key)]);
    else query.settings[name] = value;
  }
  if (given.has("h")) {
    const hits = Number(given.get("h"));
    if (Number.isInteger(hits) && hits > 0) query.hits = hits;
    else lost.push(["hits", given.get("h")]);
  }
  if (given.has("c")) {
    query.captions = readCaptions(given.get("c"));
    if (query.captions === null) lost.push(["edited captions", given.get("c")]);
  }
  query.less = [...new Set(given.getAll("n"))].slice(0, 100);
  return { query: isSearchable(query) ? query : null, explained: given.get("x"), lost };
}

function readSetting(name, text, kind) {
  if (kind === "name") return /^[\w-]{1,64}$/.test(text) ? text : null;
  if (kind === "flag") return text === "1" ? true : null;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  return canBe(name, value) ? value : null;
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
    weight: weight >= 0 && weight <= 1e6 ? weight : 1,
    on: on !== false,
  }));
}

/** Make the JSON of a request; `most` hits can be asked for. */
export function toRequest(query, most = Infinity) {
  const settings = Object.entries(query.settings).filter(([, value]) => value !== null);
  let reference = null;
  if (query.ref) reference = query.ref.id === undefined ? { upload: query.ref.upload } : { id: query.ref.id };
  return {
    reference,
    text: query.text.trim(),
    captions: query.captions?.map(({ text, weight, on }) => ({ text, weight, on })) ?? null,
    negatives: query.less,
    object: query.object,
    settings: { ...Object.fromEntries(settings), k: Math.max(1, Math.min(query.hits, most)) },
  };
}

/** Return whether two queries have the same reference, object and text: then their captions are the same. */
export function equalQueries(a, b) {
  const key = ({ ref, text, object }) => JSON.stringify([ref?.id ?? null, ref?.upload ?? null, object, text.trim()]);
  return key(a) === key(b);
}
