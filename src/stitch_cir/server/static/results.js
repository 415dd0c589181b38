// The hits of a search, what was understood, and what made the ranking.

import { byId, el } from "./dom.js";
import { grid } from "./grid.js";
import { listEnd } from "./more.js";
import { scoreBars, standingBehind } from "./hits.js";
import { hideLooking, showLooking } from "./looking.js";
import { isFiltered } from "./query.js";
import { referenceName } from "./reference.js";
import { faultPanel, head, notes, panel, skeleton } from "./states.js";

/**
 * Show results. `acts`: `pick`, `use`, `less`, `variants`, `more` (load more hits), `lower` (take the
 * least score away), `still` (whether they are shown), and the gallery's `notes`. Gives the list.
 */
export function showResults(results, query, acts) {
  const { hits } = results;
  describe(results, query, acts);
  if (hits.length === 0) {
    import("./ways-out.js").then(({ nothingPanel }) => acts.still() && byId("stage").replaceChildren(nothingPanel(query, acts)));
    return null;
  }
  const list = grid([], { verb: "Open the image", pick: acts.pick, use: acts.use, less: acts.less, drawn: scoreBars(results), behind: standingBehind(query.group ? acts.variants : null) });
  const end = listEnd({ load: acts.more });
  put(list, results, 0);
  byId("stage").replaceChildren(...(results.cutoff?.above === 0 ? [nothingLikeThat(results.cutoff, acts)] : []), list.node, end.node);
  finish(end, results, acts);
  return { list, end };
}

/** Show results that go on from `acts.before`, whose list is `acts.listed`: what was there stays where it was. */
export function showMore(results, query, acts) {
  const { listed, before } = acts;
  if (before.hits.some(({ id }, at) => results.hits[at]?.id !== id)) return showResults(results, query, acts); // the gallery has changed
  describe(results, query, acts);
  const first = put(listed.list, results, before.hits.length);
  finish(listed.end, results, acts);
  return { ...listed, first };
}

/** Put the hits from a number on at the end of a list, with a line where the cut-off lies; give the first tile. */
function put(list, { hits, cutoff }, from) {
  if (!cutoff) return list.add(hits.slice(from));
  const first = list.add(hits.slice(from, Math.max(from, cutoff.above)));
  if (hits.length <= cutoff.above) return first;
  if (from <= cutoff.above) list.rule(cutoff.above > 0 ? `The cut-off: ${oneIn(cutoff)} scores this high. What follows may be chance.` : "The nearest there are");
  const below = list.add(hits.slice(Math.max(from, cutoff.above)), "below");
  return first ?? below;
}

const oneIn = ({ strictness }) => `1 in ${Math.round(1 / strictness).toLocaleString("en")} random requests`;

/** Say that no image fits, and what to do; the nearest are shown below. */
function nothingLikeThat(cutoff, acts) {
  const shown = panel({
    title: "Nothing like that here",
    text: `No image reaches the cut-off, which ${oneIn(cutoff)} reaches.`,
    actions: [{ label: "Look without a cut-off", act: acts.loosen, main: true }],
  });
  shown.classList.add("near");
  if (cutoff.advice?.length > 0) shown.querySelector("p").after(el("ul", { class: "hint" }, cutoff.advice.map((text) => el("li", { text }))));
  return shown;
}

function finish(end, { hits, total }, acts) {
  end.update(hits.length, total);
  acts.remember(hits.length);
}

function describe(results, query, acts) {
  const understood = results.composition?.notes ?? [];
  // how many there are is said above the images already
  notes([...results.notes.filter((note) => !/^k is \d/.test(note) && !understood.includes(note)), ...acts.notes]);
  byId("asked").textContent = [query.ref && referenceName(query.ref), query.text.trim()].filter(Boolean).join(" · ");
  showLooking(results, query, acts);
  byId("understood").replaceChildren(...understood.map((text) => el("li", { dir: "auto", text })));
  // the server has answered, so these can be loaded; something else may be shown by then
  import("./facts.js").then(({ factsLine }) => {
    if (!acts.still()) return;
    byId("facts").textContent = byId("asked-facts").textContent = factsLine(results);
    byId("made").hidden = false;
  });
}

/** Take away what was said about the images on the screen. */
export function hideDescription() {
  byId("made").hidden = true;
  byId("asked-facts").textContent = "";
  hideLooking();
}

/** Show that a search is under way: grey tiles, or the old hits stepping back (`keep`). */
export function showWaiting(keep, count, cancel) {
  const stage = byId("stage");
  if (keep && stage.querySelector(".grid:not([aria-hidden])")) {
    stage.setAttribute("aria-busy", "true");
    head("Results", "searching …", [el("button", { type: "button", class: "quiet small", text: "Cancel", on: { click: cancel } })]);
    return;
  }
  for (const id of ["notes", "earlier"]) byId(id).hidden = true;
  hideDescription();
  stage.classList.remove("earlier");
  head("Searching", "");
  stage.replaceChildren(skeleton(Math.min(count, 12), "Writing captions, comparing images …", cancel));
}

/** Show why a search failed, with the ways out that fit; `still()` tells whether it is the last one asked. */
export async function showFault(error, query, acts, still) {
  hideDescription();
  notes([]);
  head("Results", "");
  if (error.type === "GalleryEmptyError" && isFiltered(query)) {
    const nothing = await acts.nothingMeets();
    if (!still()) return;
    if (nothing) {
      byId("stage").replaceChildren(nothing);
      return;
    }
  }
  let ways = { actions: [] };
  if ([404, 410, 422, 503].includes(error.status)) {
    // the server has answered, so what explains its answer can be loaded
    ways = await import("./ways-out.js").then(({ waysOut }) => waysOut(error, query, acts), () => ways);
    if (!still()) return;
  }
  byId("stage").replaceChildren(faultPanel(error, { ...ways, retry: acts.retry, actions: [...ways.actions, { label: "To the gallery", act: acts.browse }] }));
}
