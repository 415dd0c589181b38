// The dialog that says why an image is among the hits.

import * as api from "./api.js";
import { announce, byId, download, el, icon, shortName, style, svg } from "./dom.js";
import { colourOf, draw, links, point } from "./overlay.js";
import { matchTable, regionName, planTable, sentence } from "./plan-table.js";
import { faultPanel } from "./states.js";
import { absent } from "./ways-out.js";

const DIRECTIONS = [
  ["both", "Both"],
  ["forward", "Captions look"],
  ["backward", "Views look"],
];

/**
 * Put the dialog in order. `onClose()`, `onStep(by)`, `onUse(id)`, `onLess(id)`.
 * Gives `open({call, viewsOnly}, id, position)`, `close()`, and `isOpen()`, which gives the id or null.
 * `call(run)` runs `run(ask)` with the question; `position`: {at, of} among the hits, or null.
 */
export function mountExplain({ onClose, onStep, onUse, onLess }) {
  const dialog = byId("why");
  const styled = Promise.all([style("dialog.css"), style("explain.css")]);
  let shownQuery = null; // {call, viewsOnly, id}
  let direction = "both";
  let busy = null;
  let redraw = () => {};
  const watcher = new ResizeObserver(() => redraw());

  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onClose();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && onClose());
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const turn = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (turn && !event.target.closest(".scroll")) onStep(turn);
    else if (["1", "2", "3"].includes(event.key)) dialog.querySelectorAll(".switch input")[event.key - 1]?.click();
    else if (event.key === "u") onUse(shownQuery.id);
    else if (event.key === "l") onLess(shownQuery.id);
    else return;
    event.preventDefault();
  });

  async function open(question, id, position = null) {
    busy?.abort();
    busy = new AbortController();
    shownQuery = { ...question, id };
    redraw = () => {};
    const close = el("button", { type: "button", class: "quiet icon", id: "why-close", "aria-label": "Close", on: { click: onClose } }, icon("close"));
    const step = (by, name, label) =>
      el("button", { type: "button", class: "quiet icon", "aria-label": label, title: label, disabled: !position || position.at + by < 0 || position.at + by >= position.of, on: { click: () => onStep(by) } }, icon(name));
    const body = el("div", { class: "why-body", "aria-busy": "true" }, el("p", { class: "row" }, el("span", { class: "thread", "aria-hidden": "true" }), "Looking at the matches …"));
    dialog.replaceChildren(
      el(
        "header",
        { class: "why-head" },
        el("h2", { id: "why-title", tabindex: "-1" }, el("span", { text: "Why" }), el("span", { class: "name", title: id, text: `${shortName(id)}?` })),
        el("div", { class: "row" }, step(-1, "left", "The hit before"), step(1, "right", "The next hit"), close),
      ),
      body,
    );
    await styled;
    if (shownQuery?.id !== id) return; // closed meanwhile, or another hit
    if (!dialog.open) dialog.showModal();
    byId("why-title").focus();
    try {
      const { signal } = busy;
      const explained = await question.call((ask) => api.explain(ask, id, signal));
      body.removeAttribute("aria-busy");
      body.replaceChildren(...show(explained));
      redraw();
      announce(body.querySelector(".summary").textContent);
    } catch (error) {
      if (error.name === "AbortError") return;
      body.removeAttribute("aria-busy");
      if (!(error instanceof api.ApiError)) throw error;
      const unknown = error.status === 404 && error.message.includes(id);
      body.replaceChildren(faultPanel(error, { retry: () => open(question, id, position), ...(unknown && absent(id, "Close this to see the results.")) }));
    }
  }

  function show(explained) {
    const viewsOnly = shownQuery.viewsOnly;
    if (viewsOnly) explained = { ...explained, captions: explained.captions.map(regionName) };
    const said = sentence(explained, viewsOnly);
    const { hit, captions, weights, shares, views } = explained;
    const frame = hit.width === null ? null : el("div", { class: "canvas-frame", vars: { "--ar": String(hit.width / hit.height) } });
    // of a product with several images, the one that matched best
    const number = hit.best_view.image ?? 1;
    const image = el("img", { src: api.imageUrl(hit.id) + (number > 1 ? `&image=${number}` : ""), alt: `${hit.captions.join(" · ") || hit.id}` });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "broken" }, icon("picture"), "The file is gone; its vectors are still here.")));
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
        el(
          "div",
          { class: "share" },
          el("span", { class: "track" }, el("span", { class: shares[at] < 0 ? "fill minus" : "fill", vars: { "--w": `${(100 * Math.abs(shares[at])) / longest}%` } })),
          el("span", { class: "number", text: shares[at].toFixed(3) }),
        ),
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
      el("p", { class: "summary", text: said }),
      el("div", { class: "row between" }, directions(turn), legend()),
      stage,
      el("details", { class: "panel" }, el("summary", { text: "As a table" }), table, matchTable(explained)),
      actions(hit),
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

  const legend = () => el("p", { class: "hint", text: "Boxes are views of the image; the thicker a line, the more of the score runs along it." });

  function actions(hit) {
    const button = (label, sign, act, main = false) =>
      el("button", { type: "button", class: main ? "primary" : "quiet", on: { click: act } }, icon(sign, 17), label);
    const { call } = shownQuery;
    const save = async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      try {
        download(await call((ask) => api.explanationImage(ask, hit.id, "matches")), `why-${shortName(hit.id)}.png`);
      } catch (error) {
        announce(error.message);
        pressed.after(el("p", { class: "hint", role: "alert", text: `${error.message} ${error.hint ?? ""}` }));
      } finally {
        pressed.disabled = false;
      }
    };
    return el(
      "div",
      { class: "row acts-row" },
      button("Use as the new reference", "swap", () => onUse(hit.id), true),
      button("Less like this", "minus", () => onLess(hit.id)),
      button("Save as an image", "save", save),
      el("span", { class: "hint id", text: hit.id }),
    );
  }

  function close() {
    busy?.abort();
    watcher.disconnect();
    shownQuery = null;
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
  }

  return { open, close, isOpen: () => shownQuery?.id ?? null };
}
