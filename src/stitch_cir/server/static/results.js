// The hits of a search, what was understood, and what made the ranking.

import { byId, el, icon } from "./dom.js";
import { grid } from "./grid.js";
import { referenceName } from "./reference.js";
import { factsLine } from "./facts.js";
import { absent, faultPanel, panel, skeleton } from "./states.js";

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

/** Show results. `acts`: `pick`, `use`, `less`, `more`, `lower` (take the least score away), and the gallery's `notes`. */
export function showResults(results, query, acts) {
  const { hits } = results;
  notes([...(results.composition?.notes ?? []), ...results.notes, ...acts.notes]);
  byId("asked").textContent = [query.ref && referenceName(query.ref), query.text.trim()].filter(Boolean).join(" · ");
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
    return panel({ title: "Nothing came up", text: "No image is left to rank.", actions: [{ label: "To the gallery", act: acts.browse }] });
  }
  return panel({
    title: "Nothing is that near",
    text: `No image scored ${least} or more.`,
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
  for (const id of ["facts", "notes", "earlier"]) byId(id).hidden = true;
  stage.classList.remove("earlier");
  head("Searching", "");
  stage.replaceChildren(skeleton(Math.min(count, 12), "Writing captions, comparing images …", cancel));
}

/** Show why a search failed, with the ways out that fit. */
export function showFault(error, query, acts) {
  byId("facts").hidden = true;
  notes([]);
  head("Results", "");
  const gone = error.status === 404 || error.status === 410;
  const rejected = gone && query.less.find((id) => error.message.includes(id));
  const words = query.text.trim() !== "" && { label: "Search with the words alone", act: acts.words };
  let said = {};
  let actions = [];
  if (rejected) {
    said = { title: "A rejected image is not here", ...absent(rejected, "Search without it.") };
    actions = [{ label: "Search without “less like”", act: acts.forgive, main: true }];
  } else if (gone && query.ref?.id !== undefined) {
    said = { title: "The reference is not here", ...absent(query.ref.id, words ? "Choose another image, or search with the words alone." : "Choose another image.") };
    actions = [{ label: "Choose another image", act: acts.forget, main: true }, words];
  } else if (gone && query.ref) {
    said = { title: "Your image is no longer here", text: "An uploaded image is kept in the server’s memory only: for an hour at most, and until the server is started again.", hint: "Choose it again; words and settings are in place." };
    actions = [{ label: "Choose an image", act: acts.choose, main: true }, words];
  } else if (error.status === 422 && Object.values(query.settings).some((value) => value !== null)) {
    actions = [{ label: "Search with the standard settings", act: acts.standard, main: true }];
  }
  byId("stage").replaceChildren(faultPanel(error, { ...said, retry: acts.retry, actions: [...actions, { label: "To the gallery", act: acts.browse }] }));
}
