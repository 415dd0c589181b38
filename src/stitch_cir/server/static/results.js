// The hits of a search, what was understood, and what made the ranking.

import { byId, el, icon } from "./dom.js";
import { grid } from "./grid.js";
import { referenceName } from "./reference.js";
import { faultPanel, skeleton } from "./states.js";

/** Head of the images' part while results are shown. */
export function head(title, count, tools = []) {
  byId("pictures-title").textContent = title;
  byId("pictures-count").textContent = count;
  byId("tools").replaceChildren(...tools);
}

export function toolButton(label, sign, act, id) {
  return el("button", { type: "button", class: "quiet small", id, on: { click: act } }, icon(sign, 17), el("span", { text: label }));
}

/** Show notes (what the composer understood, what the gallery or a search has to say), each once. */
export function notes(texts) {
  const root = byId("notes");
  const once = [...new Set(texts.filter(Boolean))];
  root.hidden = once.length === 0;
  root.replaceChildren(el("ul", {}, once.map((text) => el("li", { dir: "auto", text }))));
}

/** Show results. `acts`: `pick`, `use`, `less`, `more`, `lower` (take the least score away), `still` (whether they are shown), and the gallery's `notes`. */
export function showResults(results, query, acts) {
  const { hits } = results;
  notes([...(results.composition?.notes ?? []), ...results.notes, ...acts.notes]);
  byId("asked").textContent = [query.ref && referenceName(query.ref), query.text.trim()].filter(Boolean).join(" · ");
  // the server has answered, so these can be loaded; something else may be shown by then
  import("./facts.js").then(({ factsLine }) => {
    if (!acts.still()) return;
    byId("facts").textContent = factsLine(results);
    byId("facts").hidden = false;
  });
  if (hits.length === 0) {
    import("./ways-out.js").then(({ nothingPanel }) => acts.still() && byId("stage").replaceChildren(nothingPanel(query, acts)));
    return;
  }
  const more = hits.length === query.hits && hits.length < results.ranked && query.hits < acts.most;
  byId("stage").replaceChildren(
    grid(hits, { verb: "Say why", pick: acts.pick, use: acts.use, less: acts.less }),
    ...(more ? [el("div", { class: "row pager" }, el("button", { type: "button", class: "quiet", id: "more", text: "Show more", on: { click: acts.more } }))] : []),
  );
}

/** Show that a search is under way: grey tiles, or the old hits stepping back (`keep`). */
export function showWaiting(keep, count, cancel) {
  const stage = byId("stage");
  if (keep && stage.querySelector(".grid:not([aria-hidden])")) {
    stage.setAttribute("aria-busy", "true");
    head("Results", "searching …", [el("button", { type: "button", class: "quiet small", text: "Cancel", on: { click: cancel } })]);
    return;
  }
  for (const id of ["facts", "notes", "earlier"]) byId(id).hidden = true;
  stage.classList.remove("earlier");
  head("Searching", "");
  stage.replaceChildren(skeleton(Math.min(count, 12), "Writing captions, comparing images …", cancel));
}

/** Show why a search failed, with the ways out that fit; `still()` tells whether it is the last one asked. */
export async function showFault(error, query, acts, still) {
  byId("facts").hidden = true;
  notes([]);
  head("Results", "");
  let ways = { actions: [] };
  if ([404, 410, 422].includes(error.status)) {
    // the server has answered, so what explains its answer can be loaded
    ways = await import("./ways-out.js").then(({ waysOut }) => waysOut(error, query, acts), () => ways);
    if (!still()) return;
  }
  byId("stage").replaceChildren(faultPanel(error, { ...ways, retry: acts.retry, actions: [...ways.actions, { label: "To the gallery", act: acts.browse }] }));
}
