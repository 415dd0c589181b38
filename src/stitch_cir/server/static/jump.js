// A menu of the places in a long gallery: its folders, or the first letters of its names.

import * as api from "./api.js";
import { el } from "./dom.js";

const LONG = 120; // images from which on jumping is worth a menu

/** Return the menu for the images that `asked` ({q, where}) lists, or null where there is nothing to jump to. */
export async function jumpMenu(asked, jump, signal) {
  const { total, sections } = await api.sections(asked, signal).catch(() => ({ total: 0, sections: [] }));
  if (total < LONG || sections.length < 2) return null;
  const options = sections.map(({ label, offset, count }) => el("option", { value: String(offset), text: `${label || "(no folder)"} · ${count.toLocaleString("en")}` }));
  const select = el("select", { id: "jump", "aria-label": "Jump to", on: { change: () => select.value !== "" && jump(Number(select.value)) } }, el("option", { value: "", text: "Jump to …" }), options);
  return select;
}

/** Put up to `most` images before the first of a list without moving what is in sight. `shown`: {items, from}; `load(offset, limit)` gives images. */
export async function putBefore(list, shown, most, load) {
  const start = Math.max(0, shown.from - most);
  const { images } = await load(start, shown.from - start);
  const first = list.node.firstElementChild;
  const { top } = first.getBoundingClientRect();
  document.body.style.overflowAnchor = "none"; // some browsers would do it as well
  list.prepend(images);
  scrollBy(0, first.getBoundingClientRect().top - top);
  requestAnimationFrame(() => requestAnimationFrame(() => (document.body.style.overflowAnchor = "")));
  shown.items.unshift(...images);
  shown.from = start;
}
