// The hits of a search, what was understood, and what made the ranking.

import { byId, el, icon } from "./dom.js";
import { grid } from "./grid.js";
import { factsLine } from "./settings.js";
import { faultPanel, panel, skeleton } from "./states.js";

/** Head of the pictures' part while results are shown. */
export function head(title, count, tools = []) {
  byId("pictures-title").textContent = title;
  byId("pictures-count").textContent = count;
  byId("tools").replaceChildren(...tools);
}

export function toolButton(label, sign, act, id) {
  return el("button", { type: "button", class: "quiet small", id, on: { click: act } }, icon(sign, 17), el("span", { text: label }));
}

/** Show notes (what the composer understood or could not do), each once. */
export function notes(texts) {
  const root = byId("notes");
  const once = [...new Set(texts.filter(Boolean))];
  root.hidden = once.length === 0;
  root.replaceChildren(el("ul", {}, once.map((text) => el("li", { text }))));
}

/** Show results. `acts`: `pick`, `use`, `less`, `more`, `lower` (take the least score away). */
export function showResults(results, query, acts) {
  const { hits } = results;
  notes([...(results.composition?.notes ?? []), ...results.notes]);
  const facts = byId("facts");
  facts.hidden = false;
  facts.textContent = factsLine(results);
  if (hits.length === 0) {
    byId("stage").replaceChildren(nothing(query, acts));
    return;
  }
  const more = hits.length === query.hits && hits.length < results.ranked && query.hits < acts.most;
  byId("stage").replaceChildren(
    grid(hits, { verb: "Say why", pick: acts.pick, use: acts.use, less: acts.less }),
    ...(more ? [el("div", { class: "row pager" }, el("button", { type: "button", class: "quiet", id: "more", text: "Show more", on: { click: acts.more } }))] : []),
  );
}

function nothing(query, acts) {
  const least = query.settings.min_score;
  if (least === null) {
    return panel({ title: "Nothing came up", text: "No picture is left to rank.", actions: [{ label: "To the gallery", act: acts.browse }] });
  }
  return panel({
    title: "Nothing is that near",
    text: `No picture scored ${least} or more.`,
    hint: "Scores lie between −2 and 2; how high they climb depends on the encoder.",
    actions: [{ label: "Take the limit away", act: acts.lower, main: true }],
  });
}

/** Show that a search is under way: grey tiles, or the old hits stepping back (`keep`). */
export function showWaiting(keep, count, cancel) {
  const stage = byId("stage");
  if (keep && stage.querySelector(".grid:not([aria-hidden])")) {
    stage.setAttribute("aria-busy", "true");
    head("Results", "searching …", [el("button", { type: "button", class: "quiet small", text: "Cancel", on: { click: cancel } })]);
    return;
  }
  byId("facts").hidden = true;
  byId("notes").hidden = true;
  head("Searching", "");
  stage.replaceChildren(skeleton(Math.min(count, 12), "Writing captions, comparing pictures …", cancel));
}

/** Show why a search failed, with the ways out that fit. */
export function showFault(error, query, acts) {
  byId("facts").hidden = true;
  notes([]);
  head("Results", "");
  const reference = query.ref && (error.status === 404 || error.status === 410) && query.less.length === 0;
  const actions = [
    reference && { label: "Choose another picture", act: acts.forget, main: true },
    error.status === 404 && query.less.length > 0 && { label: "Search without “less like”", act: acts.forgive, main: true },
    { label: "To the gallery", act: acts.browse },
  ];
  byId("stage").replaceChildren(faultPanel(error, { retry: acts.retry, title: reference ? "The reference is not here" : undefined, actions }));
}
