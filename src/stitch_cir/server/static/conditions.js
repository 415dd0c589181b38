// Conditions on attributes: written as the server reads them, and read out in words.

import { attributeOf, spelledName } from "./query.js";

const KEYWORDS = new Set(["and", "or", "not", "in", "between", "is", "missing", "contains", "near", "true", "false"]);

/** Spell the name of an attribute. */
export const spell = (name) => (/^[A-Za-z_]\w*$/.test(name) && !KEYWORDS.has(name.toLowerCase()) ? name : `"${name.replaceAll('"', '""')}"`);

/** Return the condition that an attribute has a value, as the API gives it. */
export function equals(name, value) {
  const literal = typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
  return `${spell(name)} = ${literal}`;
}

/** Name an attribute in words: `item_group_id` is “item group id”. */
export const titleOf = (name) => name.replace(/[_\s]+/g, " ").trim();

const number = (text) => {
  const value = Number(text);
  return text.trim() !== "" && Number.isFinite(value) ? value.toLocaleString("en", { maximumFractionDigits: 6 }) : text;
};

/** Say what a count counts: a value, or the range from `low` up to `high`. */
export function choiceOf({ value, low, high }) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value !== undefined && value !== null) return typeof value === "number" ? number(String(value)) : String(value);
  if (low === null || low === undefined) return `below ${number(String(high))}`;
  return high === null || high === undefined ? `${number(String(low))} and more` : `${number(String(low))} to ${number(String(high))}`;
}

const unquote = (text) => text.replaceAll("''", "'");

/** Say a condition that the filter bar makes in words, without its attribute; another stays as it is. */
function wordsOf(condition) {
  const name = spelledName(condition);
  const rest = condition.slice(name.length);
  const value = "('(?:[^']|'')*'|[\\w.:+-]+)";
  const read = (pattern) => new RegExp(`^${pattern}$`).exec(rest);
  const plain = (text) => (text.startsWith("'") ? unquote(text.slice(1, -1)) : { true: "yes", false: "no" }[text] ?? text);
  let match = read(` (?:=|contains) ${value}`);
  if (match) return plain(match[1]);
  if (rest === " is missing") return "not stated";
  match = read(` < ${value}`);
  if (match) return `below ${number(match[1])}`;
  match = read(` >= ${value}`);
  if (match) return `${number(match[1])} and more`;
  match = new RegExp(`^ >= ${value} and (.*) < ${value}$`).exec(rest);
  return match?.[2] === name ? `${number(match[1])} to ${number(match[3])}` : condition;
}

/** Say a condition in words, with its attribute: “price: 20 to 50”. */
export const phraseOf = (condition) => {
  const words = wordsOf(condition);
  return words === condition ? condition : `${titleOf(attributeOf(condition))}: ${words}`;
};
