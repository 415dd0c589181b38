// Pictures in rows of equal height; arrow keys move between them, one of them takes the Tab key.

import { thumbnail } from "./api.js";
import { el, icon, shortName } from "./dom.js";

const CLAMP = [0.7, 1.5];

/**
 * Make a grid. `items`: images of the API, hits where they have a rank. `acts`: `pick(item)` for a
 * click, and `use(item)`, `less(item)` where those make sense; `verb` names what a click does.
 */
export function grid(items, { verb, pick, use, less, marked = null }) {
  const list = el("ul", { class: "grid" }, items.map((item) => tile(item, { verb, pick, use, less, marked })));
  const tiles = [...list.children];
  const choose = (chosen) => {
    for (const one of tiles) {
      for (const button of one.querySelectorAll("button")) button.tabIndex = one === chosen ? 0 : -1;
    }
  };
  choose(tiles[0]);
  list.addEventListener("focusin", (event) => choose(event.target.closest(".tile")));
  list.addEventListener("keydown", (event) => onKey(event, tiles, items, { use, less }));
  return list;
}

function tile(item, { verb, pick, use, less, marked }) {
  const { id, width, height } = item;
  const ratio = width && height ? Math.min(Math.max(width / height, CLAMP[0]), CLAMP[1]) : 1;
  const captions = item.captions?.length ? item.captions.join(" · ") : "";
  const ranked = item.rank === undefined ? "" : `Rank ${item.rank}, score ${item.score.toFixed(3)}: `;
  const image = el("img", {
    src: thumbnail(id),
    alt: "",
    loading: item.rank > 12 ? "lazy" : undefined,
    decoding: "async",
    on: { error: (event) => again(event.target) },
  });
  const picture = el(
    "button",
    {
      type: "button",
      class: "pic",
      data: { id },
      "aria-label": `${ranked}${captions || id}. ${verb}`,
      "aria-pressed": item.rank === undefined ? String(id === marked) : undefined,
      "aria-haspopup": item.rank === undefined ? undefined : "dialog",
      dir: "auto",
      title: captions ? `${id}\n${captions}` : id,
      draggable: "true",
      on: {
        click: () => pick(item),
        dragstart: (event) => event.dataTransfer.setData("application/x-stitch-id", id),
      },
    },
    image,
  );
  const act = (name, label, run) =>
    el("button", { type: "button", class: "act", "aria-label": `${label}: ${id}`, title: label, on: { click: () => run(item) } }, icon(name, 17));
  return el(
    "li",
    { class: "tile", vars: { "--ar": ratio.toFixed(3) } },
    picture,
    el(
      "div",
      { class: "acts" },
      use && act("swap", "Use as the new reference", use),
      less && act("minus", "Less like this", less),
    ),
    el(
      "p",
      { class: "under" },
      item.rank !== undefined && el("span", { class: "rank", text: String(item.rank) }),
      el("span", { class: "name", dir: "auto", text: captions || shortName(id) }),
      item.rank !== undefined && el("span", { class: "score", text: item.score.toFixed(3) }),
    ),
  );
}

/** Load an image once more after a pause, because a busy server refuses some; then say that it is missing. */
function again(image) {
  if (image.dataset.again) image.replaceWith(el("span", { class: "broken" }, icon("picture"), "no image"));
  else {
    image.dataset.again = "1";
    setTimeout(() => (image.src = `${image.src}&again=1`), 1500);
  }
}

function onKey(event, tiles, items, { use, less }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const at = tiles.indexOf(event.target.closest(".tile"));
  const item = items[at];
  if (event.key === "u" && use) use(item);
  else if (event.key === "l" && less) less(item);
  else {
    const next = step(event.key, at, tiles);
    if (next === null) return;
    tiles[next].querySelector(".pic").focus();
  }
  event.preventDefault();
  event.stopPropagation();
}

/** Which tile an arrow key leads to: rows are what the browser made of them. */
function step(key, at, tiles) {
  const last = tiles.length - 1;
  if (key === "ArrowRight") return Math.min(at + 1, last);
  if (key === "ArrowLeft") return Math.max(at - 1, 0);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const places = tiles.map((one) => one.getBoundingClientRect());
  const here = places[at];
  const middle = here.left + here.width / 2;
  const down = key === "ArrowDown";
  const beyond = places.filter(({ top }) => (down ? top > here.top + 4 : top < here.top - 4)).map(({ top }) => top);
  if (beyond.length === 0) return at;
  const row = down ? Math.min(...beyond) : Math.max(...beyond);
  const off = ({ left, width, top }) => (Math.abs(top - row) > 4 ? Infinity : Math.abs(left + width / 2 - middle));
  const offs = places.map(off);
  return offs.indexOf(Math.min(...offs));
}
