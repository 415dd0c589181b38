// The steps of a search, beside the browser's own history: visible, and one click away.

import { thumbnail } from "./api.js";
import { byId, el, shortName } from "./dom.js";

const KEY = "stitch-trail";
const MOST = 60;

/** One step: `pos` its place in the browser's history, `title`, `id` of its reference or null. */
let steps = load();

function load() {
  try {
    const read = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(read) ? read.filter((step) => Number.isInteger(step?.pos) && typeof step.title === "string") : [];
  } catch {
    return [];
  }
}

function keep() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(steps));
  } catch {
    // without storage the trail ends with a reload
  }
}

/** Name a query for the trail. */
export function titleOf(query, kind) {
  if (kind === "less") return query.less.length > 0 ? `not ${shortName(query.less.at(-1))}` : "nothing rejected";
  if (kind === "object") return query.object || "as recognised";
  if (kind === "avoid") return query.avoid.length > 0 ? `not ${query.avoid.at(-1)}` : "nothing avoided";
  return query.text.trim() || (query.ref ? "like this" : "your captions");
}

/** Take a step at `pos`; what was ahead of it is gone, as in the browser's history. */
export function record(pos, query, kind) {
  steps = steps.filter((step) => step.pos < pos);
  steps.push({ pos, title: titleOf(query, kind), id: query.ref?.id ?? null, upload: Boolean(query.ref && query.ref.id === undefined) });
  steps = steps.slice(-MOST);
  keep();
}

export const hasStep = (pos) => steps.some((step) => step.pos === pos);

/** Return the position of an entry that is not ours: after all recorded ones. */
export const next = (pos) => Math.max(pos, ...steps.map((step) => step.pos)) + (steps.length > 0 ? 1 : 0);

/** A step's reference, small; a sign where it has none, or none that can be shown. */
function face({ id, upload }) {
  const blank = el("span", { class: "blank", "aria-hidden": "true", text: id !== null ? "?" : upload ? "↑" : "T" });
  if (id === null) return blank;
  return el("img", { src: thumbnail(id, 64), alt: "", width: "28", height: "28", on: { error: ({ target }) => target.replaceWith(blank) } });
}

/** Show the trail; `pos` is where we are. `go(by)` moves through the browser's history. */
export function show(pos, go) {
  const root = byId("trail");
  const here = Math.max(...steps.filter((step) => step.pos <= pos).map((step) => step.pos));
  root.hidden = steps.length < 2;
  root.replaceChildren(
    el(
      "ol",
      {},
      steps.map((step) =>
        el(
          "li",
          {},
          el(
            "button",
            { type: "button", class: "step", "aria-current": step.pos === here ? "step" : undefined, on: { click: () => step.pos !== pos && go(step.pos - pos) } },
            face(step),
            el("span", { text: step.title }),
          ),
        ),
      ),
    ),
  );
  const current = root.querySelector("[aria-current]");
  if (current) root.scrollLeft = current.offsetLeft - root.clientWidth / 2;
}
