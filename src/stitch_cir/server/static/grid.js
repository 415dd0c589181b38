// Images in rows of equal height; arrow keys move between them, one of them takes the Tab key.

import { thumbnail } from "./api.js";
import { el, icon, shortName } from "./dom.js";

const CLAMP = [0.7, 1.5];
const AT_ONCE = 12;
const PART = 60; // tiles from which on a part of a list is complete
const NEAR = 400; // tiles that an arrow key looks at

/**
 * Make a grid. `items`: images of the API, hits where they have a rank. `acts`: `pick(item)` for a
 * click, `look(item)`, `use(item)` and `less(item)` where those make sense; `verb` names what a click
 * does, `marked` is the id of the reference. Of hits: `drawn(score)` gives an element,
 * `behind(item, tile, {make, choose})` the buttons for what a hit stands for.
 * Gives `node`, `add(items, class)`, which puts images at its end and gives the first of them,
 * `prepend(items)`, and `rule(words)`, which puts a line of words there.
 */
export function grid(items, acts) {
  const node = el("div", { class: "parts" });
  const itemOf = new WeakMap();
  const tiles = () => [...node.querySelectorAll(".tile")];
  let part = null; // the last list of tiles
  let count = 0;
  let chosen = null;

  const tab = (tile, index) => tile?.querySelectorAll("button").forEach((button) => (button.tabIndex = index));
  const choose = (tile) => {
    if (!tile || tile === chosen) return;
    tab(chosen, -1);
    chosen = tile;
    tab(chosen, 0);
  };

  function make(item) {
    const lazy = (count += 1) > AT_ONCE;
    const made = tile(item, { ...acts, lazy });
    made.append(...(acts.behind?.(item, made, { make, choose }) ?? []));
    itemOf.set(made, item);
    tab(made, -1);
    return made;
  }

  /** Begin a list below the last one with its last row. Lists out of sight are skipped by the browser, so that a long way down costs no more than a short one. */
  function begin() {
    const last = part?.lastElementChild;
    const row = last ? [...part.children].filter((each) => each.offsetTop === last.offsetTop) : [];
    const isWhole = row.length > 0 && row.length < part.children.length && !row.some((each) => each.contains(document.activeElement));
    part?.classList.toggle("whole", isWhole);
    part = el("ul", { class: "grid" }, isWhole ? row : []);
    node.append(part);
  }

  function add(more, name = "") {
    if (part === null || part.children.length >= PART) begin();
    const made = more.map(make);
    if (name) for (const each of made) each.classList.add(name);
    part.append(...made);
    if (!node.contains(chosen)) choose(node.querySelector(".tile"));
    return made[0];
  }

  node.addEventListener("focusin", (event) => choose(event.target.closest(".tile")));
  node.addEventListener("keydown", (event) => {
    const at = event.target.closest(".tile");
    if (!at || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "u" && acts.use) acts.use(itemOf.get(at));
    else if (event.key === "l" && acts.less) acts.less(itemOf.get(at));
    else if (event.key === "o") (acts.look ?? acts.pick)(itemOf.get(at));
    else {
      const all = tiles();
      const here = all.indexOf(at);
      const from = ["Home", "End"].includes(event.key) ? 0 : Math.max(0, here - NEAR / 2);
      const near = from === 0 && event.key === "End" ? all : all.slice(from, from + NEAR);
      const next = step(event.key, here - from, near);
      if (next === null) return;
      near[next].querySelector(".pic").focus();
    }
    event.preventDefault();
    event.stopPropagation();
  });
  /** Put images at the beginning. */
  function prepend(more) {
    node.prepend(el("ul", { class: "grid" }, more.map(make)));
  }

  add(items);
  return { node, add, prepend, rule: (words) => part.append(el("li", { class: "rule" }, words)) };
}

function tile(item, { verb, pick, look, use, less, drawn, marked = null, lazy }) {
  const { id, width, height } = item;
  const ratio = width && height ? Math.min(Math.max(width / height, CLAMP[0]), CLAMP[1]) : 1;
  const captions = item.captions?.length ? item.captions.join(" · ") : "";
  const score = item.score?.toFixed(3); // a copy of a hit has none of its own
  const ranked = item.rank === undefined ? "" : `Rank ${item.rank}, ${score ? `score ${score}` : "a near-duplicate"}: `;
  const image = el("img", {
    src: thumbnail(id),
    alt: "",
    loading: lazy ? "lazy" : undefined,
    decoding: "async",
    on: { error: (event) => again(event.target) },
  });
  const face = el(
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
  const act = (name, words, label, run) =>
    el("button", { type: "button", class: "act", "aria-label": `${label}: ${id}`, title: label, on: { click: () => run(item) } }, icon(name, 16), el("span", { text: words }));
  return el(
    "li",
    { class: "tile", vars: { "--ar": ratio.toFixed(3) } },
    face,
    el(
      "div",
      { class: "acts" },
      look && act("look", "View", "View large", look),
      use && act("swap", "Use", "Use as the new reference", use),
      less && act("minus", "Less", "Less like this", less),
    ),
    el(
      "p",
      { class: "under" },
      item.rank !== undefined && el("span", { class: "rank", text: String(item.rank) }),
      el("span", { class: "name", dir: "auto", text: captions || shortName(id) }),
      score && drawn(item.score),
    ),
  );
}

/** Load an image once more after a pause, because a busy server refuses some; then say that it is missing. */
function again(image) {
  if (image.dataset.again) image.replaceWith(el("span", { class: "broken" }, icon("image"), "no image"));
  else {
    image.dataset.again = "1";
    setTimeout(() => (image.src = `${image.src}&again=1`), 1500);
  }
}

/** Which tile an arrow key leads to: rows are what the browser made of them. */
function step(key, at, tiles) {
  const last = tiles.length - 1;
  if (key === "ArrowRight") return Math.min(at + 1, last);
  if (key === "ArrowLeft") return Math.max(at - 1, 0);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key !== "ArrowDown" && key !== "ArrowUp") return null;
  const areas = tiles.map((tile) => tile.getBoundingClientRect());
  const here = areas[at];
  const middle = here.left + here.width / 2;
  const down = key === "ArrowDown";
  const beyond = areas.filter(({ top }) => (down ? top > here.top + 4 : top < here.top - 4)).map(({ top }) => top);
  if (beyond.length === 0) return at;
  const row = down ? Math.min(...beyond) : Math.max(...beyond);
  const off = ({ left, width, top }) => (Math.abs(top - row) > 4 ? Infinity : Math.abs(left + width / 2 - middle));
  const offs = areas.map(off);
  return offs.indexOf(Math.min(...offs));
}
