// Images in rows of equal height; arrow keys move between them, one of them takes the Tab key.

import { thumbnail } from "./api.js";
import { el, icon, plural, shortName } from "./dom.js";

const CLAMP = [0.7, 1.5];
const AT_ONCE = 12;

/**
 * Make a grid. `items`: images of the API, hits where they have a rank. `acts`: `pick(item)` for a
 * click, `look(item)`, `use(item)` and `less(item)` where those make sense, `variants(item)`, which gives the other
 * images of a hit's group (the near-duplicates of a hit come with it); `verb` names what a click does, `marked` is the id of the reference, `scale` {low, high, cut} what a score is drawn against.
 * Gives `node`, `add(items, class)`, which puts images at its end and gives the first of them, and
 * `rule(words)`, which puts a line of words there.
 */
export function grid(items, acts) {
  const node = el("ul", { class: "grid" });
  const itemOf = new WeakMap();
  const tiles = () => [...node.querySelectorAll(".tile")];
  let chosen = null;

  const tab = (tile, index) => tile?.querySelectorAll("button").forEach((button) => (button.tabIndex = index));
  const choose = (tile) => {
    if (!tile || tile === chosen) return;
    tab(chosen, -1);
    chosen = tile;
    tab(chosen, 0);
  };

  /** What a hit stands for: the others of its group, and the copies of its image. */
  function hiddenBehind(item) {
    const variants = acts.variants ? (item.group_images ?? 1) - 1 : 0;
    const copies = item.near_duplicates ?? [];
    const { width, height } = item;
    return [
      variants > 0 && { count: plural(variants, "variant"), load: () => acts.variants(item) },
      copies.length > 0 && { count: plural(copies.length, "near-duplicate"), load: async () => copies.map((id) => ({ id, width, height })) },
    ].filter(Boolean);
  }

  function make(item) {
    const lazy = node.children.length >= AT_ONCE;
    const made = tile(item, { ...acts, lazy, hidden: hiddenBehind(item), unfold: (button, load) => unfold(made, item, button, load) });
    itemOf.set(made, item);
    tab(made, -1);
    return made;
  }

  function add(more, name = "") {
    const made = [];
    for (const item of more) {
      made.push(make(item));
      if (name) made.at(-1).classList.add(name);
      node.append(made.at(-1));
    }
    if (!node.contains(chosen)) choose(node.querySelector(".tile"));
    return made[0];
  }

  /** Show what a hit stands for behind it, or fold all of that up again. */
  async function unfold(leader, item, button, load) {
    if (button.getAttribute("aria-expanded") === "true") {
      while (leader.nextSibling?.matches(".variant")) leader.nextSibling.remove();
      for (const each of leader.querySelectorAll(".more-of")) each.setAttribute("aria-expanded", "false");
      choose(leader);
      return;
    }
    button.disabled = true;
    const others = await load().finally(() => (button.disabled = false));
    if (!leader.isConnected || button.getAttribute("aria-expanded") === "true") return;
    const variants = others.map((each) => make({ ...each, rank: item.rank, group_images: 1, near_duplicates: [] }));
    for (const each of variants) each.classList.add("variant");
    leader.after(...variants);
    button.setAttribute("aria-expanded", "true");
    button.focus();
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
      const next = step(event.key, all.indexOf(at), all);
      if (next === null) return;
      all[next].querySelector(".pic").focus();
    }
    event.preventDefault();
    event.stopPropagation();
  });
  add(items);
  return { node, add, rule: (words) => node.append(el("li", { class: "rule" }, words)) };
}

function tile(item, { verb, pick, look, use, less, hidden, unfold, scale, marked = null, lazy }) {
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
      score && bar(item.score, scale),
    ),
    hidden.map(({ count, load }) =>
      el("button", { type: "button", class: "quiet small more-of", "aria-expanded": "false", "aria-label": `+${count} of ${id}`, text: `+${count}`, on: { click: (event) => unfold(event.currentTarget, load) } }),
    ),
  );
}

/** A score as a bar, with a mark where the cut-off lies; the number is for those who open the details. */
function bar(score, { low, high, cut = null }) {
  const part = (value) => Math.min(1, Math.max(0.03, (value - low) / (high - low || 1))).toFixed(3);
  const vars = { "--part": part(score), ...(cut !== null && { "--cut": part(cut) }) };
  return el("span", { class: "score", title: `Score ${score.toFixed(3)}` }, el("span", { class: cut === null ? "level" : "level cut", vars }), el("span", { class: "number", text: score.toFixed(3) }));
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
