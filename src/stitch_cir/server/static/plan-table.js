// A plan as tables: for eyes that want numbers, and for those that do not see the drawing.

import { el } from "./dom.js";
import { colourOf } from "./overlay.js";

const TITLES = {
  both: "Share of all transported mass",
  forward: "Attention of each caption to the views (a row sums to 1)",
  backward: "Attention of each view to the captions (a column sums to 1)",
};
const figure = (value) => (value < 0.0005 ? "0" : value.toFixed(3).replace(/^0/, ""));

/** The plan as captions by views, tinted by how much goes there. */
export function planTable(explained, direction) {
  const { plan, views, captions } = explained;
  const matrix = { both: plan.joint, forward: plan.forward, backward: plan.backward }[direction];
  const total = direction === "both" ? matrix.flat().reduce((sum, mass) => sum + mass, 0) || 1 : 1;
  const most = Math.max(...matrix.flat()) / total || 1;
  const cell = (value, caption, view) => {
    const share = value / total;
    const similarity = plan.similarities[caption][view].toFixed(3);
    return el("td", {
      text: figure(share),
      title: `cosine ${similarity}`,
      vars: { "--c": colourOf(caption), "--p": `${Math.round(60 * (share / most))}%` },
    });
  };
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": TITLES[direction] },
    el(
      "table",
      { class: "plan" },
      el("caption", { text: TITLES[direction] }),
      el("thead", {}, el("tr", {}, el("th", { scope: "col", text: "Caption" }), views.map((view) => el("th", { scope: "col", title: view.label, text: viewName(view) })))),
      el(
        "tbody",
        {},
        captions.map((caption, at) => el("tr", {}, el("th", { scope: "row", text: caption }), matrix[at].map((value, view) => cell(value, at, view)))),
      ),
    ),
  );
}

/** The strongest matches, one a row, with both directions. */
export function matchTable(explained) {
  const heads = ["Caption", "View", "Cosine", "Caption → view", "View → caption", "Mass"];
  const number = (value) => el("td", { class: "number", text: value.toFixed(3) });
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Strongest matches" },
    el(
      "table",
      { class: "matches" },
      el("caption", { text: "Strongest matches, most mass first" }),
      el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col", text })))),
      el(
        "tbody",
        {},
        explained.matches.slice(0, 20).map((match) =>
          el(
            "tr",
            {},
            el("th", { scope: "row", text: match.label }),
            el("td", { text: viewName(match.view), title: match.view.label }),
            number(match.similarity),
            number(match.forward),
            number(match.backward),
            number(match.mass),
          ),
        ),
      ),
    ),
  );
}

const NAMES = new Map([
  ["0,0,1,1", "whole image"],
  ["0,0,1,0.5", "upper half"],
  ["0,0.5,1,1", "lower half"],
  ["0,0,0.5,1", "left half"],
  ["0.5,0,1,1", "right half"],
  ["0.25,0.25,0.75,0.75", "middle"],
  ["0,0,0.5,0.5", "upper left"],
  ["0.5,0,1,0.5", "upper right"],
  ["0,0.5,0.5,1", "lower left"],
  ["0.5,0.5,1,1", "lower right"],
]);

/** A short name of a view: where it lies, or its number. */
export function viewName(view) {
  if (view.caption) return view.caption.length > 24 ? `${view.caption.slice(0, 23)}…` : view.caption;
  const named = NAMES.get(view.box?.join(","));
  if (named === undefined) return `${view.index + 1}${view.flip ? " ⇋" : ""}`;
  return `${named}${view.flip ? " ⇋" : ""}`;
}

/** Return where a view lies of which only the label is known. */
export function regionName(label) {
  if (label === "whole image") return "the whole image";
  const sides = /^x (\d+)-(\d+)%, y (\d+)-(\d+)%$/.exec(label)?.slice(1).map((side) => Number(side) / 100);
  if (!sides) return label;
  const [x0, x1, y0, y1] = sides;
  const named = NAMES.get([x0, y0, x1, y1].join(","));
  return named === undefined ? label : `the ${named}`;
}

/** Return the numbers of a hit in one line: rank, score, and the nearest pair. */
export function figures({ hit, plan, captions, views }) {
  let best = [0, 0];
  for (const [caption, row] of plan.similarities.entries()) {
    for (const [view, value] of row.entries()) if (value > plan.similarities[best[0]][best[1]]) best = [caption, view];
  }
  const cosine = plan.similarities[best[0]][best[1]].toFixed(3);
  return `Rank ${hit.rank}, score ${hit.score.toFixed(3)}. Nearest pair: “${captions[best[0]]}” and ${views[best[1]].label}, cosine ${cosine}.`;
}
