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

const counted = (total, missing) => plural(total, "image") + (missing.length > 0 ? " · incomplete" : "");

/**
 * Put the gallery in order. `onPick(item)`, `onLook(item)`; `marked()` gives the id of the reference or null;
 * `showNotes(missing)`: why parts of the list are missing, once it is there; `onLoad(count)` hears how many images are shown; `nothingMeets()` gives a panel,
 * `unfilter()` takes the filters away.
 */
export function mountGallery({ onPick, onLook, marked, showNotes, onLoad, nothingMeets, unfilter }) {
  const stage = byId("stage");
  let words = "";
  let order = "id";
  let reordering = false; // the menu of orders was used: it keeps the focus
  let busy = null;
  let timer = null;
  let shown = { items: [], total: 0, from: 0, end: null }; // what is on the screen
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

  /**
   * Show the first images, or those that were shown: `count` of them from `from` on. Where they were
   * very many, only those around the one in sight (`at`) come back, and its number is returned.
   */
  async function show({ count = PAGE, from = 0, at = 0, order: kept = order } = {}) {
    order = kept;
    byId("images-title").textContent = "Gallery";
    byId("images-count").textContent = "";
    for (const id of ["asked", "asked-facts"]) byId(id).textContent = "";
    byId("looking").hidden = true;
    byId("tools").replaceChildren(filter);
    showNotes();
    byId("made").hidden = true;
    const isDeep = count > MOST;
    const first = isDeep ? Math.max(0, from + at - PAGE / 2) : from;
    await load(isDeep ? 2 * PAGE : count, first);
    return isDeep ? from + at - first : null;
  }

  /** Show the images from a place in the list on. */
  async function jump(offset) {
    await load(PAGE, offset);
    byId("images").scrollIntoView();
    stage.querySelector(".pic")?.focus({ preventScroll: true });
  }

  /** Where one is in the list: its order, from which image on it is shown, how many, and which one is at the top of the screen. */
  function position() {
    const tiles = stage.querySelectorAll(".tile");
    let [low, high] = [0, tiles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (tiles[middle].getBoundingClientRect().bottom > 80) high = middle;
      else low = middle + 1;
    }
    return { from: shown.from, count: shown.items.length, order, at: Math.min(low, Math.max(0, tiles.length - 1)) };
  }

  const page = (offset, limit, signal) => api.images({ offset, limit, q: words.trim(), where: conditionOf(state.draft), order }, signal);

  async function load(count = PAGE, from = 0) {
    stop();
    busy = new AbortController();
    const { signal } = busy;
    const ghost = setTimeout(() => stage.replaceChildren(skeleton(18, "Opening the gallery …")), 150);
    try {
      const first = await page(from, Math.min(count, MOST), signal);
      const images = [...first.images];
      while (images.length < Math.min(count, first.total - from)) {
        const next = await page(from + images.length, MOST, signal);
        if (next.images.length === 0) break;
        images.push(...next.images);
      }
      if (!signal.aborted) render(first, images, from, signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof api.ApiError)) throw error;
      const refused = error.status === 422 && isFiltered(state.draft);
      stage.replaceChildren(faultPanel(error, { retry: () => load(), ...(refused && { title: "The filters cannot be used", actions: [{ label: "Show everything", act: unfilter, main: true }] }) }));
    } finally {
      clearTimeout(ghost);
    }
  }

  async function render({ total, missing = [] }, images, from, signal) {
    byId("images-count").textContent = counted(total, missing);
    showNotes(missing);
    shown = { items: [], total, from, end: null };
    if (total === 0) {
      const filtered = isFiltered(state.draft) && !words.trim();
      announce(words.trim() || filtered ? "Nothing matches the filters." : "The gallery is empty.");
      const { emptied } = await import("./ways-out.js").catch(() => ({ emptied: () => panel({ title: "Nothing to show" }) }));
      const nothing = filtered ? await nothingMeets() : emptied(words.trim(), { clear, load });
      if (!signal.aborted) stage.replaceChildren(nothing);
      return;
    }
    const hint = el("p", { class: "hint lead", text: "Pick an image, say what should change about it, and search." });
    const list = grid(images, { verb: "Use as the reference", pick: onPick, look: onLook, marked: marked() });
    let count = from + images.length;
    const end = listEnd({
      load: async (byHand) => {
        try {
          const next = await page(count, PAGE, signal);
          const first = list.add(next.images);
          if (byHand()) first?.querySelector(".pic").focus();
          count += next.images.length;
          shown.items.push(...next.images);
          end.update(next.images.length === 0 ? next.total : count, next.total);
          onLoad(shown.items.length);
          announce(`${count.toLocaleString("en")} of ${plural(next.total, "image")} shown.`);
        } catch (error) {
          if (error.name === "AbortError") return;
          if (!(error instanceof api.ApiError)) throw error;
          end.fail(error);
        }
      },
    });
    shown = { items: [...images], total, from, end };
    const before = from > 0 && el("button", { type: "button", class: "quiet before", text: "Show earlier images", on: { click: () => earlier(list, before, signal) } });
    stage.replaceChildren(...[words.trim() || isFiltered(state.draft) ? null : hint, before, list.node, end.node].filter(Boolean));
    end.update(count, total);
    onLoad(images.length);
    offerJump(total, signal);
    const part = missing.length > 0 ? " A part of the gallery is missing." : "";
    announce((words.trim() || isFiltered(state.draft) ? `${plural(total, "image")} found.` : `The gallery has ${plural(total, "image")}.`) + part);
  }

  /** Say that the gallery has grown; what was added comes as one goes on, or at once where all is shown. */
  function grow(total) {
    if (words.trim() || isFiltered(state.draft)) return;
    if (shown.items.length === 0) {
      load();
      return;
    }
    const count = shown.from + shown.items.length;
    const wasAll = count >= shown.total;
    shown.total = total;
    byId("images-count").textContent = plural(total, "image");
    if (!wasAll) shown.end.update(count, total);
    else if (total > count) load(Math.max(PAGE, shown.items.length), shown.from);
  }

  /** Put the images before the first one above it. */
  async function earlier(list, button, signal) {
    const { putBefore } = await import("./jump.js");
    await putBefore(list, shown, PAGE, (offset, limit) => page(offset, limit, signal));
    button.hidden = shown.from === 0;
    onLoad();
  }

  async function offerJump(total, signal) {
    for (const id of ["order", "jump"]) byId(id)?.remove();
    if (total <= PAGE) return;
    const { listMenus } = await import("./jump.js").catch(() => ({ listMenus: () => [] }));
    const menus = await listMenus({ q: words.trim(), where: conditionOf(state.draft), order }, { jump, reorder }, signal);
    if (signal.aborted || !filter.isConnected) return;
    filter.before(...menus);
    if (reordering) byId("order")?.focus();
    reordering = false;
  }

  /** Show the first images in another order. */
  async function reorder(other) {
    order = other;
    reordering = true;
    await load();
  }

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

  return { show, stop, mark, filter, items: () => shown.items, total: () => shown.total, goOn: () => shown.end?.goOn(), grow, position };
}
