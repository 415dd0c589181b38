// A long list: the order that it is in, and a menu of its folders, letters or dates.

import * as api from "./api.js";
import { el } from "./dom.js";
import { state } from "./state.js";

const LONG = 120; // images from which on jumping is worth a menu
const LEADS = { folder: "Jump to a folder …", letter: "Jump to a letter …", month: "Jump to a month …", year: "Jump to a year …" };
const NONE = { folder: "(no folder)", month: "(no date)", year: "(no date)" };

const nameOf = ({ label }, by) => {
  if (!label) return NONE[by] ?? "…";
  return by === "month" ? new Date(`${label}-15T12:00`).toLocaleDateString("en", { month: "long", year: "numeric" }) : label;
};

/**
 * Return the menus for the images that `asked` ({q, where, order}) lists: in which order they are, and
 * where to jump to; none where the list is short. `reorder(order)`, `jump(offset)`.
 */
export async function listMenus(asked, { jump, reorder }, signal) {
  const { total, by, sections } = await api.sections(asked, signal).catch(() => ({ total: 0, by: null, sections: [] }));
  if (total < LONG) return [];
  const dates = state.info.orders.filter((each) => each !== "id" && each !== "name");
  const hasFolders = asked.order !== "id" || by === "folder";
  const orders = [...(hasFolders ? [["id", "By folder"], ["name", "By name"]] : [["id", "By name"]]), ...dates.map((name) => [name, `By ${name.replaceAll("_", " ")}, latest first`])];
  const option = ([value, text]) => el("option", { value, text });
  const order = el("select", { id: "order", "aria-label": "Order of the images", on: { change: () => reorder(order.value) } }, orders.map(option));
  order.value = asked.order;
  const places = sections.map((each) => [String(each.offset), `${nameOf(each, by)} · ${each.count.toLocaleString("en")}`]);
  const menu = el("select", { id: "jump", "aria-label": "Jump to", on: { change: () => menu.value !== "" && jump(Number(menu.value)) } }, [["", LEADS[by]], ...places].map(option));
  return [orders.length > 1 && order, sections.length > 1 && menu].filter(Boolean);
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
