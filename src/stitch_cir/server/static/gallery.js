// Browsing: a page of the gallery at a time, and a box that filters by name and caption.

import * as api from "./api.js";
import { announce, byId, el, icon, plural } from "./dom.js";
import { grid } from "./grid.js";
import { faultPanel, panel, skeleton } from "./states.js";

const PAGE = 60;

/** Put the gallery in order. `onPick(item)`; `marked()` gives the id of the reference or null; `showNotes()`. */
export function mountGallery({ onPick, marked, showNotes }) {
  const stage = byId("stage");
  let offset = 0;
  let words = "";
  let busy = null;
  let timer = null;
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
          offset = 0;
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

  /** Show the page we are on. */
  async function show() {
    byId("pictures-title").textContent = "Gallery";
    byId("pictures-count").textContent = "";
    byId("asked").textContent = "";
    byId("tools").replaceChildren(filter);
    showNotes();
    byId("facts").hidden = true;
    await load();
  }

  async function load() {
    stop();
    busy = new AbortController();
    const { signal } = busy;
    const ghost = setTimeout(() => stage.replaceChildren(skeleton(18, "Opening the gallery …")), 150);
    try {
      const page = await api.images({ offset, limit: PAGE, q: words.trim() }, signal);
      if (signal.aborted) return;
      clearTimeout(ghost);
      render(page);
    } catch (error) {
      clearTimeout(ghost);
      if (error.name === "AbortError") return;
      if (!(error instanceof api.ApiError)) throw error;
      stage.replaceChildren(faultPanel(error, { retry: load }));
    }
  }

  function render({ total, images }) {
    byId("pictures-count").textContent = plural(total, "image");
    if (total === 0) {
      stage.replaceChildren(words.trim() ? nothingFound() : emptyGallery());
      announce(words.trim() ? "Nothing matches the filter." : "The gallery is empty.");
      return;
    }
    const hint = el("p", { class: "hint lead", text: "Pick an image, say what should change about it, and search." });
    const shown = grid(images, { verb: "Use as the reference", pick: onPick, marked: marked() });
    stage.replaceChildren(...[words.trim() ? null : hint, shown, total > PAGE && pager(total)].filter(Boolean));
    announce(words.trim() ? `${plural(total, "image")} found.` : `The gallery has ${plural(total, "image")}.`);
  }

  function nothingFound() {
    return panel({
      sign: "picture",
      title: "Nothing matches",
      text: `No name and no caption holds “${words.trim()}”.`,
      hint: "To search by meaning, write it into the search box instead.",
      actions: [{ label: "Show everything", act: clear, main: true }],
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
    offset = 0;
    load();
    filter.focus();
  }

  function pager(total) {
    const last = Math.min(offset + PAGE, total);
    const turn = async (by) => {
      offset = Math.max(0, offset + by * PAGE);
      await load();
      byId("pictures").scrollIntoView();
      stage.querySelector(".pic")?.focus({ preventScroll: true });
      announce(`Images from ${offset + 1}`);
    };
    const button = (label, sign, by, shut) =>
      el("button", { type: "button", class: "quiet", disabled: shut, on: { click: () => turn(by) } }, by < 0 && icon(sign, 16), label, by > 0 && icon(sign, 16));
    return el(
      "nav",
      { class: "row pager", "aria-label": "Pages of the gallery" },
      button("Earlier", "left", -1, offset === 0),
      el("span", { class: "hint", text: `${offset + 1}–${last} of ${total.toLocaleString("en")}` }),
      button("Later", "right", 1, last >= total),
    );
  }

  /** Mark another image as the reference without loading anything. */
  function mark(id) {
    for (const one of stage.querySelectorAll(".pic[aria-pressed]")) one.setAttribute("aria-pressed", String(one.dataset.id === id));
  }

  return { show, stop, mark, filter };
}
