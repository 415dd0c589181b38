// What hits have beside other images: a score as a bar, and what stands behind them.

import { el, plural } from "./dom.js";
import { HITS } from "./query.js";

/** Return what draws the scores of results as bars, with a mark where the cut-off lies; the number is for those who open the details. */
export function scoreBars({ hits, cutoff }) {
  const cut = cutoff?.score ?? null;
  const last = Math.min(hits.at(Math.min(hits.length, HITS) - 1).score, cut ?? Infinity);
  const high = Math.max(hits[0].score, cut ?? -Infinity);
  // the first hits fill the upper part: bars compare them with each other
  const low = last - 0.35 * Math.max(hits[0].score - last, 0.05);
  const part = (value) => Math.min(1, Math.max(0.03, (value - low) / (high - low))).toFixed(3);
  return (score) => {
    const vars = { "--part": part(score), ...(cut !== null && { "--cut": part(cut) }) };
    return el("span", { class: "score", title: `Score ${score.toFixed(3)}` }, el("span", { class: cut === null ? "level" : "level cut", vars }), el("span", { class: "number", text: score.toFixed(3) }));
  };
}

/** Return what makes the buttons for what a hit stands for: the others of its group (`variants(item)`), and the copies of its image. */
export function standingBehind(variants) {
  return (item, tile, { make, choose }) => {
    const others = variants ? (item.group_images ?? 1) - 1 : 0;
    const copies = item.near_duplicates ?? [];
    const { id, width, height } = item;
    const kinds = [
      others > 0 && { count: plural(others, "variant"), load: () => variants(item) },
      copies.length > 0 && { count: plural(copies.length, "near-duplicate"), load: async () => copies.map((copy) => ({ id: copy, width, height })) },
    ];
    return kinds.filter(Boolean).map(({ count, load }) =>
      el("button", { type: "button", class: "quiet small more-of", "aria-expanded": "false", "aria-label": `+${count} of ${id}`, text: `+${count}`, on: { click: ({ currentTarget }) => unfold(tile, item, currentTarget, load, { make, choose }) } }),
    );
  };
}

/** Show what a hit stands for behind it, or fold all of that up again. */
async function unfold(leader, item, button, load, { make, choose }) {
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
