// Why an image is among the hits: a sentence, a drawing, and the numbers behind it.

import * as api from "./api.js";
import { announce, el, icon, svg } from "./dom.js";
import { colourOf, draw, links, point } from "./overlay.js";
import { figures, matchTable, regionName, planTable } from "./plan-table.js";
import { faultPanel } from "./states.js";
import { absent } from "./ways-out.js";

const DIRECTIONS = [
  ["both", "Both"],
  ["forward", "Captions look"],
  ["backward", "Views look"],
];

const ROLES = {
  global: "All captions",
  captions: "Captions before they were moved",
  modification: "Your words",
  desired: "Shows",
  preserve: "Keeps",
  reference: "Like the reference",
  forbidden: "Avoids",
};

/**
 * Put the explanation in order.
 * Gives `show(root, {call, viewsOnly}, id, signal)`, `look(number)`, which turns to a direction, and
 * `clear()`. `call(run)` runs `run(ask)` with the question.
 */
export function mountExplanation() {
  let viewsOnly = false;
  let direction = "both";
  let redraw = () => {};
  let root = null;
  const watcher = new ResizeObserver(() => redraw());

  /** Ask why an image was found, and show it in an element. */
  async function show(body, question, id, signal) {
    root = body;
    viewsOnly = question.viewsOnly;
    body.setAttribute("aria-busy", "true");
    body.replaceChildren(el("p", { class: "row" }, el("span", { class: "thread", "aria-hidden": "true" }), "Looking at the matches …"));
    try {
      const explained = await question.call((ask) => api.explain(ask, id, signal));
      if (signal.aborted) return;
      body.removeAttribute("aria-busy");
      body.replaceChildren(...parts(explained).filter(Boolean));
      redraw();
      announce(body.querySelector(".summary").textContent);
    } catch (error) {
      if (error.name === "AbortError") return;
      body.removeAttribute("aria-busy");
      if (!(error instanceof api.ApiError)) throw error;
      const unknown = error.status === 404 && error.message.includes(id);
      body.replaceChildren(faultPanel(error, { retry: () => show(body, question, id, signal), ...(unknown && absent(id, "Close this to see the results.")) }));
    }
  }

  function look(number) {
    root?.querySelectorAll(".switch input")[number]?.click();
  }

  function clear() {
    watcher.disconnect();
    redraw = () => {};
    root = null;
  }

  function parts(explained) {
    if (viewsOnly) explained = { ...explained, captions: explained.captions.map(regionName) };
    const { hit, captions, weights, shares, views } = explained;
    const frame = hit.width === null ? null : el("div", { class: "canvas-frame", vars: { "--ar": String(hit.width / hit.height) } });
    // of a product with several images, the one that matched best
    const number = hit.best_view.image ?? 1;
    const image = el("img", { src: api.imageUrl(hit.id) + (number > 1 ? `&image=${number}` : ""), alt: `${hit.captions.join(" · ") || hit.id}` });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "broken" }, icon("image"), "The file is gone; its vectors are still here.")));
    image.addEventListener("load", () => frame?.style.setProperty("--ar", String(image.naturalWidth / image.naturalHeight)));
    frame?.append(image);
    const chips = new Map();
    for (const [at, view] of views.entries()) if (view.caption) chips.set(at, el("li", { text: view.caption }));
    const longest = Math.max(...shares.map(Math.abs), 1e-9);
    const rows = captions.map((caption, at) =>
      el(
        "li",
        { class: "met", tabindex: "0", vars: { "--c": colourOf(at) } },
        el("p", { class: "said" }, caption),
        bar(shares[at], longest),
        el("p", { class: "hint", text: `weight ${(100 * weights[at]).toFixed(0)} %` }),
      ),
    );
    const canvas = svg("svg", { class: "wires", "aria-hidden": "true" });
    const stage = el(
      "div",
      { class: rows.length > 6 ? "stage many" : "stage" },
      el("div", { class: "seen" }, frame, chips.size > 0 && el("ul", { class: "chips" }, [...chips.values()])),
      el("div", {}, el("h3", { text: `${viewsOnly ? "Views of the reference" : "Captions"} and what each gave to the score` }), el("ol", { class: "mets" }, rows)),
      canvas,
    );
    const table = el("div", {});
    let shown = [];
    redraw = () => {
      shown = links(explained, direction);
      draw({ canvas, stage, frame, rows, chips, explained, shown, direction, onPoint: (target) => point(canvas, rows, target, shown) });
    };
    const turn = (to) => {
      direction = to;
      table.replaceChildren(planTable(explained, direction));
      redraw();
    };
    for (const [at, row] of rows.entries()) {
      for (const type of ["pointerenter", "focus"]) row.addEventListener(type, () => point(canvas, rows, { caption: at }, shown));
      for (const type of ["pointerleave", "blur"]) row.addEventListener(type, () => point(canvas, rows, null, shown));
    }
    table.append(planTable(explained, direction));
    watcher.disconnect();
    watcher.observe(stage);
    return [
      el("p", { class: "summary" }, sentence(explained.summary)),
      el("div", { class: "row between" }, directions(turn), legend()),
      stage,
      roleBars(explained.roles ?? []),
      el("details", { class: "panel" }, el("summary", { text: "Details" }), el("p", { class: "hint", text: figures(explained) }), table, matchTable(explained)),
    ];
  }

  function directions(turn) {
    return el(
      "fieldset",
      { class: "switch" },
      el("legend", { class: "sr", text: "Direction of the plan" }),
      DIRECTIONS.map(([value, label]) =>
        el(
          "label",
          {},
          el("input", { type: "radio", name: "direction", value, checked: value === direction, on: { change: () => turn(value) } }),
          el("span", { text: label }),
        ),
      ),
    );
  }

  const bar = (share, longest) =>
    el(
      "div",
      { class: "share" },
      el("span", { class: "track" }, el("span", { class: share < 0 ? "fill minus" : "fill", vars: { "--w": `${(100 * Math.abs(share)) / longest}%` } })),
      el("span", { class: "number", text: share.toFixed(3) }),
    );

  /** A bar for each role, where roles count or something is avoided: all of them add up to the score. */
  function roleBars(roles) {
    if (roles.length === 0) return null;
    const longest = Math.max(...roles.map(({ share }) => Math.abs(share)), 1e-9);
    return el(
      "section",
      { class: "roles" },
      el("h3", { text: "What each role gave to the score, or took off it" }),
      el(
        "ol",
        { class: "mets" },
        roles.map(({ role, share, matches }, at) =>
          el(
            "li",
            { class: "met", vars: { "--c": colourOf(at) } },
            el("p", { class: "said" }, el("b", { text: ROLES[role] ?? role }), matches.length > 0 && `: ${matches.map(({ text }) => text).join(", ")}`),
            bar(share, longest),
          ),
        ),
      ),
    );
  }

  // captions stand in quotation marks
  const sentence = (summary) => summary.split(/[“”]/).map((text, at) => (at % 2 ? el("em", { dir: "auto", text }) : text));

  const legend = () => el("p", { class: "hint", text: "Boxes are views of the image; the thicker a line, the more of the score runs along it." });

  return { show, look, clear };
}
