// The drawing of an explanation: matched views as boxes on the image, lines to their captions.

import { svg } from "./dom.js";

/** Okabe and Ito's colours, told apart by colour-blind readers too; as in the drawn explanations. */
export const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#785ef0", "#8a8a8a"];
export const colourOf = (caption) => COLOURS[caption % COLOURS.length];

const MOST_LINES = 14;
const LEAST = 0.004;

/**
 * List the links of a plan in one direction, strongest first: `{caption, view, value, mass}`.
 * `value` is what the table says (a caption's attention sums to 1 over the views, a view's over the
 * captions), `mass` its share of all that goes in that direction: the thickness of its line.
 */
export function links(explained, direction) {
  const { plan, weights, views } = explained;
  const all = [];
  for (const [caption, weight] of weights.entries()) {
    for (const view of views.keys()) {
      const forward = plan.forward[caption][view];
      const backward = plan.backward[caption][view];
      const there = weight * forward;
      const back = (plan.q?.[view] ?? 1 / views.length) * backward;
      const joint = plan.joint[caption][view];
      const [value, mass] = { forward: [forward, there], backward: [backward, back], both: [joint, joint] }[direction];
      if (mass >= LEAST) all.push({ caption, view, value, mass });
    }
  }
  return all.sort((first, second) => second.mass - first.mass).slice(0, MOST_LINES);
}

/**
 * Draw `shown` links into `canvas`, an SVG that covers `stage`. `frame` is the element the image
 * fills; `chips` holds the element of each view without a box, `rows` those of the captions.
 */
export function draw({ canvas, stage, frame, rows, chips, explained, shown, direction, onPoint }) {
  const origin = stage.getBoundingClientRect();
  const inside = (element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return { x: left - origin.left, y: top - origin.top, width, height };
  };
  canvas.setAttribute("viewBox", `0 0 ${origin.width} ${origin.height}`);
  const image = frame && inside(frame);
  const beside = rows.length > 0 && image && inside(rows[0]).x > image.x + image.width - 1;
  const strongest = new Map();
  for (const link of shown) if (!strongest.has(link.view)) strongest.set(link.view, link);
  const most = Math.max(...shown.map((link) => link.mass), 1e-9);
  const boxes = svg("g");
  const anchors = new Map();
  for (const [view, { caption, mass }] of strongest) {
    const { box } = explained.views[view];
    const chip = chips.get(view);
    if (chip) {
      const at = inside(chip);
      anchors.set(view, { x: at.x + at.width, y: at.y + at.height / 2 });
      continue;
    }
    if (!box || !image || (explained.views[view].image ?? 1) !== (explained.hit.best_view.image ?? 1)) continue;
    const inset = 2;
    const x = image.x + box[0] * image.width + inset;
    const y = image.y + box[1] * image.height + inset;
    const width = Math.max(4, (box[2] - box[0]) * image.width - 2 * inset);
    const height = Math.max(4, (box[3] - box[1]) * image.height - 2 * inset);
    const shape = { x, y, width, height, rx: 4 };
    const halo = svg("rect", { ...shape, class: "halo" });
    const edge = svg("rect", { ...shape, class: "box", stroke: colourOf(caption), "stroke-width": (1.5 + 2.5 * (mass / most)).toFixed(2) });
    const group = svg("g", { "data-view": view }, halo, edge);
    group.addEventListener("pointerenter", () => onPoint({ view }));
    group.addEventListener("pointerleave", () => onPoint(null));
    boxes.append(group);
    anchors.set(view, beside ? { x: x + width, y: y + height / 2 } : { x: x + width / 2, y: y + height });
  }
  const lines = svg("g");
  const floor = image ? image.y + image.height : 0;
  for (const { caption, view, mass } of [...shown].reverse()) {
    const from = anchors.get(view);
    if (!from) continue;
    const row = inside(rows[caption]);
    const to = beside ? { x: row.x, y: row.y + 22 } : { x: row.x, y: row.y + row.height / 2 };
    const path = svg("path", {
      d: beside ? across(from, to) : down(from, to, floor, caption),
      class: "link",
      stroke: colourOf(caption),
      "stroke-width": (1.5 + (beside ? 7 : 2.5) * (mass / most)).toFixed(2),
      "data-view": view,
      "data-caption": caption,
    });
    lines.append(path, ...ends(from, to, direction, caption, view));
  }
  canvas.replaceChildren(boxes, lines);
}

/** A dot where a line leaves, an arrow's head where it arrives. */
function ends(from, to, direction, caption, view) {
  const marks = { fill: colourOf(caption), class: "end", "data-view": view, "data-caption": caption };
  const dot = ({ x, y }) => svg("circle", { cx: x, cy: y, r: 4, ...marks });
  const head = ({ x, y }) => svg("path", { d: `M${x - 5} ${y}l10-6v12z`, ...marks });
  const tail = ({ x, y }) => svg("path", { d: `M${x + 6} ${y}l-10-6v12z`, ...marks });
  if (direction === "forward") return [head(from), dot(to)];
  if (direction === "backward") return [dot(from), tail(to)];
  return [dot(from), dot(to)];
}

function across(from, to) {
  const bend = Math.max(30, (to.x - from.x) / 2);
  return `M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
}

/** Captions stand below: go around their texts, each in a lane of its own left of them. */
function down(from, to, floor, lane) {
  const x = to.x - 7 - 5 * (lane % 5);
  return `M${from.x} ${from.y}C${from.x} ${floor + 30} ${x} ${floor - 4} ${x} ${floor + 40}L${x} ${to.y - 12}Q${x} ${to.y} ${to.x} ${to.y}`;
}

/** Bring out what belongs to a caption or a view (`null`: everything again). */
export function point(canvas, rows, target, shown) {
  const captions = new Set();
  const views = new Set();
  for (const link of shown) {
    if (target && (link.caption === target.caption || link.view === target.view)) {
      captions.add(link.caption);
      views.add(link.view);
    }
  }
  for (const node of canvas.querySelectorAll("[data-view]")) {
    const { view, caption } = node.dataset;
    const belongs = !target || (caption === undefined ? views.has(Number(view)) : Number(caption) === target.caption || Number(view) === target.view);
    node.classList.toggle("dim", !belongs);
  }
  for (const [at, row] of rows.entries()) row.classList.toggle("dim", Boolean(target) && !captions.has(at) && at !== target.caption);
}
