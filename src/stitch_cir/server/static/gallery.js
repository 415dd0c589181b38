// Browsing: the images of the gallery that meet the filters, and a box that filters by name and caption.

import * as api from "./api.js";
import { announce, byId, el, plural } from "./dom.js";
import { grid } from "./grid.js";
import { listEnd } from "./more.js";
import { conditionOf, isFiltered } from "./query.js";
import { state } from "./state.js";
import { faultPanel, panel, skeleton } from "./states.js";

const PAGE = 60;
const MOST = 500; // images that one request lists

/**
 * Put the gallery in order. `onPick(item)`, `onLook(item)`; `marked()` gives the id of the reference or null;
 * `showNotes()`; `onLoad(count)` hears how many images are shown; `nothingMeets()` gives a panel,
 * `unfilter()` takes the filters away.
 */
export function mountGallery({ onPick, onLook, marked, showNotes, onLoad, nothingMeets, unfilter }) {
  const stage = byId("stage");
  let words = "";
  let busy = null;
  let timer = null;
  let shown = { items: [], total: 0, end: null }; // what is on the screen
  const filter = el("input", {
    type: "search",
    id: "filter",
    placeholder: "Filter by name or caption",
    "aria-label": "Filter the gallery by name or caption",
    maxlength: "200",
    on: {
      input: () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          words = filter.value;
          load();
        }, 180);
      },
    },
  });

  function stop() {
    clearTimeout(timer);
    busy?.abort();
    busy = null;
  }

  /** Show the first images, or as many as there were (`count`). */
  async function show(count = PAGE) {
    byId("images-title").textContent = "Gallery";
    byId("images-count").textContent = "";
    for (const id of ["asked", "asked-facts"]) byId(id).textContent = "";
    byId("looking").hidden = true;
    byId("tools").replaceChildren(filter);
    showNotes();
    byId("made").hidden = true;
    await load(count);
  }

  const page = (offset, limit, signal) => api.images({ offset, limit, q: words.trim(), where: conditionOf(state.draft) }, signal);

  async function load(count = PAGE) {
    stop();
    busy = new AbortController();
    const { signal } = busy;
    const ghost = setTimeout(() => stage.replaceChildren(skeleton(18, "Opening the gallery …")), 150);
    try {
      const first = await page(0, Math.min(count, MOST), signal);
      const images = [...first.images];
      while (images.length < Math.min(count, first.total)) {
        const next = await page(images.length, MOST, signal);
        if (next.images.length === 0) break;
        images.push(...next.images);
      }
      if (!signal.aborted) render(first.total, images, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof api.ApiError)) throw error;
      const refused = error.status === 422 && isFiltered(state.draft);
      stage.replaceChildren(faultPanel(error, { retry: load, ...(refused && { title: "The filters cannot be used", actions: [{ label: "Show everything", act: unfilter, main: true }] }) }));
    } finally {
      clearTimeout(ghost);
    }
  }

  async function render(total, images, signal) {
    byId("images-count").textContent = plural(total, "image");
    shown = { items: [], total, end: null };
    if (total === 0) {
      const filtered = isFiltered(state.draft) && !words.trim();
      announce(words.trim() || filtered ? "Nothing matches the filters." : "The gallery is empty.");
      const nothing = filtered ? await nothingMeets() : words.trim() ? nothingFound() : emptyGallery();
      if (!signal.aborted) stage.replaceChildren(nothing);
      return;
    }
    const hint = el("p", { class: "hint lead", text: "Pick an image, say what should change about it, and search." });
    const list = grid(images, { verb: "Use as the reference", pick: onPick, look: onLook, marked: marked() });
    let count = images.length;
    const end = listEnd({
      load: async (byHand) => {
        try {
          const next = await page(count, PAGE, signal);
          const first = list.add(next.images);
          if (byHand()) first?.querySelector(".pic").focus();
          count += next.images.length;
          shown.items.push(...next.images);
          end.update(next.images.length === 0 ? next.total : count, next.total);
          onLoad(count);
          announce(`${count.toLocaleString("en")} of ${plural(next.total, "image")} shown.`);
        } catch (error) {
          if (error.name === "AbortError") return;
          if (!(error instanceof api.ApiError)) throw error;
          end.fail(error);
        }
      },
    });
    shown = { items: [...images], total, end };
    stage.replaceChildren(...[words.trim() || isFiltered(state.draft) ? null : hint, list.node, end.node].filter(Boolean));
    end.update(count, total);
    onLoad(count);
    announce(words.trim() || isFiltered(state.draft) ? `${plural(total, "image")} found.` : `The gallery has ${plural(total, "image")}.`);
  }

  /** Say that the gallery has grown; what was added comes as one goes on, or at once where all is shown. */
  function grow(total) {
    if (words.trim() || isFiltered(state.draft)) return;
    if (shown.items.length === 0) {
      load();
      return;
    }
    const wasAll = shown.items.length >= shown.total;
    shown.total = total;
    byId("images-count").textContent = plural(total, "image");
    if (!wasAll) shown.end.update(shown.items.length, total);
    else if (total > shown.items.length) load(Math.max(PAGE, shown.items.length));
  }

  function nothingFound() {
    return panel({
      sign: "image",
      title: "Nothing matches",
      text: `No name and no caption holds “${words.trim()}”${isFiltered(state.draft) ? " among the images that meet the filters" : ""}.`,
      hint: "To search by meaning, write it into the search box instead.",
      actions: [{ label: isFiltered(state.draft) ? "Clear the name" : "Show everything", act: clear, main: true }],
    });
  }

  const emptyGallery = () =>
    panel({
      title: "This gallery is empty",
      text: "There is nothing to search in yet.",
      hint: "Put images into its folder and run: stitch index FOLDER",
      actions: [{ label: "Look again", act: load, main: true }],
    });

  function clear() {
    filter.value = "";
    words = "";
    load();
    filter.focus();
  }

  /** Mark another image as the reference without loading anything. */
  function mark(id) {
    for (const each of stage.querySelectorAll(".pic[aria-pressed]")) each.setAttribute("aria-pressed", String(each.dataset.id === id));
  }

  return { show, stop, mark, filter, items: () => shown.items, total: () => shown.total, goOn: () => shown.end?.goOn(), grow };
}
