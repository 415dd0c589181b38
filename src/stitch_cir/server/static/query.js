// A query: what is asked, how it stands in the address, and how it goes to the server.
//
// Query = {ref: {id} | {upload, name, kept: the id that a link names} | null, more: [further references], text, turns: [earlier texts], captions: [{text, weight, on}] | null (edited ones),
//          less: [id], avoid: [text], object, hits, settings: {alpha, …}, filters: [condition], where, group}
// where a setting that is null or missing is the server's own; `filters` are ticked conditions, `where` is a typed one,
// and `group` the attribute whose variants are shown as one.

/** @import * as wire from './types/wire' */

export const HITS = 24;
const MOST_CAPTIONS = 64;
export const MOST_AVOIDED = 16;
export const MOST_FURTHER = 15; // references beside the first, and earlier turns

/** Keys in the address that are shorter than the setting's name; other settings have their name. */
const KEYS = {
  alpha: "a",
  num_captions: "k",
  transition: "o",
  scorer: "s",
  beta: "b",
  scale: "ps",
  image_weight: "pw",
  gain: "ig",
  loss: "il",
  epsilon: "e",
  hubness_weight: "hw",
  hubness_neighbours: "hn",
  negative_weight: "l",
  min_score: "m",
  include_reference: "i",
};
const keyOf = (name) => KEYS[name] ?? name;

/** Settings without a control: `k` is the number of hits, and the others are for scripts. */
const LEFT_OUT = new Set(["k", "preset", "transition_options", "scorer_options", "include", "exclude", "group_size", "below_cutoff", "composed_instruction"]);

/** Settings whose control is the filter bar. */
const IN_BAR = new Set(["where", "group_by"]);
const MOST_FILTERS = 100;
const LONGEST_WHERE = 10_000;

/** @type {wire.SettingInfo[]} */
let declared = [];

/** Take the settings that the server declares. */
export function declare(settings) {
  declared = settings.filter(({ name }) => !LEFT_OUT.has(name) && !IN_BAR.has(name));
}

export const declaredSettings = () => declared;

export const noSettings = () => ({});

export function emptyQuery() {
  return { ref: null, more: [], text: "", turns: [], captions: null, less: [], avoid: [], object: "", hits: HITS, settings: noSettings(), ...noFilters() };
}

export const noFilters = () => ({ filters: [], where: "", group: "" });

/** Return what of a query says which images take part, and how. */
export const filtersOf = ({ filters, where, group }) => ({ filters: [...filters], where, group });

export const isFiltered = ({ filters, where }) => filters.length > 0 || where !== "";

/** Return the attribute that a condition begins with, as it is spelt there. */
export const spelledName = (condition) => /^(?:"(?:[^"]|"")*"|[^\s=<>!]+)/.exec(condition)?.[0] ?? "";

/** Return the attribute that a condition begins with. */
export function attributeOf(condition) {
  const name = spelledName(condition);
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** Return the condition of a query, "" for none: ticks of an attribute are alternatives; those of `leftOut` do not count. */
export function conditionOf({ filters, where }, leftOut = null) {
  const ticks = new Map();
  for (const each of filters) {
    const name = attributeOf(each);
    if (name !== leftOut) ticks.set(name, [...(ticks.get(name) ?? []), each]);
  }
  const parts = [...ticks.values()].map((all) => (all.length > 1 ? all.map((each) => `(${each})`).join(" or ") : all[0]));
  if (where) parts.push(where);
  return parts.length > 1 ? parts.map((each) => `(${each})`).join(" and ") : (parts[0] ?? "");
}

/** Count the settings that are not the standard. */
export const changedCount = ({ settings }) => Object.values(settings).filter((value) => (value ?? null) !== null).length;

export const copyQuery = (query) => structuredClone(query);

/** Return whether a caption takes part in a search. */
const takesPart = ({ text, on }) => on && text.trim() !== "";

/** Return whether there is anything to search with. */
export function isSearchable(query) {
  return Boolean(query.ref || query.text.trim() || query.turns.length > 0 || query.captions?.some(takesPart));
}

/** Return whether every edited caption is switched off: then nothing is left to search with. */
export const allOff = (query) => query.captions !== null && !query.captions.some(takesPart);

/** Return whether a setting can have this value: what the server would refuse is never sent. */
export function canBe(name, value) {
  const { kind, minimum, maximum, open } = declared.find((setting) => setting.name === name);
  const low = minimum ?? -Infinity;
  return Number.isFinite(value) && value >= low && !(open && value === low) && value <= (maximum ?? Infinity) && (kind !== "whole" || Number.isInteger(value));
}

/** Write a query as a fragment without '#', with the image that is open (`{id, why}`): user text in it never reaches a server's log. */
export function toFragment(query, open = null) {
  const out = new URLSearchParams();
  // an upload that is not kept lives in this browser only: its token is no address
  for (const [at, { id, kept }] of referencesOf(query).entries()) out.append((id === undefined ? "u" : "r").repeat(at ? 2 : 1), id ?? kept ?? "1");
  if (query.text) out.set("t", query.text);
  for (const turn of query.turns) out.append("v", turn);
  if (query.object) out.set("d", query.object);
  for (const { name } of declared) {
    const value = query.settings[name];
    if (value !== null && value !== undefined) out.set(keyOf(name), value === true ? "1" : String(value));
  }
  if (query.hits !== HITS) out.set("h", String(query.hits));
  if (query.captions) out.set("c", JSON.stringify(query.captions.map(({ text, weight, on }) => ({ text, weight, on }))));
  for (const id of query.less) out.append("n", id);
  for (const text of query.avoid) out.append("av", text);
  for (const each of query.filters) out.append("f", each);
  if (query.where) out.set("w", query.where);
  if (query.group) out.set("g", query.group);
  if (open) out.set("x", open.id);
  if (open?.why) out.set("y", "1");
  return out.toString();
}

/**
 * Read a fragment. Gives `{query, filters, open, lost}`; `query` is null for the gallery, which
 * `filters` hold for as well; `open` is the image that is open, `{id, why}`, or null; `lost` lists `[name, text]` of what could not be, because a link may be
 * damaged on its way.
 */
export function fromFragment(fragment) {
  const params = new URLSearchParams(fragment.replace(/^#/, ""));
  const query = emptyQuery();
  const lost = [];
  query.ref = params.get("r") ? { id: params.get("r") } : linkedUpload(params.get("u"));
  const further = [...params].filter(([key]) => key === "rr" || key === "uu");
  if (query.ref) query.more = further.map(([key, id]) => (key === "rr" ? { id } : linkedUpload(id))).filter(Boolean).slice(0, MOST_FURTHER);
  query.text = params.get("t") ?? "";
  query.turns = params.getAll("v").filter((turn) => turn.trim() !== "").slice(0, MOST_FURTHER);
  query.object = query.ref ? (params.get("d") ?? "").slice(0, 60) : "";
  for (const { name, kind, choices } of declared) {
    const key = keyOf(name);
    if (!params.has(key)) continue;
    const value = readSetting(name, params.get(key), kind);
    if (value === null || (choices.length > 0 && !choices.includes(value))) lost.push([name, params.get(key)]);
    else query.settings[name] = value;
  }
  if (params.has("h")) {
    const hits = Number(params.get("h"));
    if (Number.isInteger(hits) && hits > 0) query.hits = hits;
    else lost.push(["hits", params.get("h")]);
  }
  if (params.has("c")) {
    query.captions = readCaptions(params.get("c"));
    if (query.captions === null) lost.push(["edited captions", params.get("c")]);
  }
  query.less = [...new Set(params.getAll("n"))].slice(0, 100);
  query.avoid = [...new Set(params.getAll("av").map((text) => text.trim()).filter((text) => text !== ""))].slice(0, MOST_AVOIDED);
  query.filters = [...new Set(params.getAll("f"))].filter((each) => each !== "" && each.length <= LONGEST_WHERE).slice(0, MOST_FILTERS);
  query.where = (params.get("w") ?? "").trim().slice(0, LONGEST_WHERE);
  query.group = (params.get("g") ?? "").slice(0, 64);
  return { query: isSearchable(query) ? query : null, filters: filtersOf(query), open: params.get("x") ? { id: params.get("x"), why: params.get("y") === "1" } : null, lost };
}

/** Return the upload that a link names: a kept one, one that only its sender has ("1"), or null. */
function linkedUpload(id) {
  if (/^[\w-]{24}$/.test(id ?? "")) return { upload: id, name: "", kept: id };
  return id === "1" ? { upload: null, name: "" } : null;
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
  const fits = (item) => item !== null && typeof item === "object" && typeof item.text === "string";
  if (!read.every(fits)) return null;
  return read.map(({ text: words, weight, on }) => ({
    text: words,
    weight: weight >= 0 && weight <= 1e6 ? weight : 1,
    on: on !== false,
  }));
}

/** Return all references of a query. */
export const referencesOf = ({ ref, more }) => (ref ? [ref, ...more] : []);

/** Return whether a link names an upload that neither this browser nor the gallery has. */
export const lacksUpload = (query) => referencesOf(query).some(({ upload }) => upload === null);

/** Make the JSON of a request for `count` hits, of which `most` can be asked for. */
export function toRequest(query, most = Infinity, count = query.hits) {
  const settings = Object.entries(query.settings).filter(([, value]) => (value ?? null) !== null);
  // what lies below the cut-off is shown as well, behind a line
  const chosen = { where: conditionOf(query) || undefined, group_by: query.group || undefined, below_cutoff: query.settings.strictness ? true : undefined };
  const sent = (ref) => (ref.id === undefined ? { upload: ref.upload } : { id: ref.id });
  const several = query.more.length > 0;
  return {
    reference: query.ref && !several ? sent(query.ref) : null,
    references: several ? referencesOf(query).map(sent) : undefined,
    text: query.text.trim(),
    turns: query.turns.length > 0 ? query.turns : undefined,
    captions: query.captions?.map(({ text, weight, on }) => ({ text, weight, on })) ?? null,
    negatives: query.less,
    avoid: query.avoid.length > 0 ? query.avoid : undefined,
    object: query.object,
    settings: { ...Object.fromEntries(settings), ...chosen, k: Math.max(1, Math.min(count, most)) },
  };
}

/** Return whether two queries have the same references, object and texts: then their captions are the same. */
export function equalQueries(a, b) {
  const key = (query) => JSON.stringify([referencesOf(query).map(({ id, upload }) => id ?? upload), query.object, query.turns, query.text.trim()]);
  return key(a) === key(b);
}
