// What stands above the images, and where they would be: nothing yet, waiting, or a fault and what to do about it.

import { byId, el, icon } from "./dom.js";

/** Head of the images' part while results are shown. */
export function head(title, count, tools = []) {
  byId("images-title").textContent = title;
  byId("images-count").textContent = count;
  byId("tools").replaceChildren(...tools);
}

export function toolButton(label, sign, act, id) {
  return el("button", { type: "button", class: "quiet small", id, on: { click: act } }, icon(sign, 17), el("span", { text: label }));
}

/** Show notes (what the composer understood, what the gallery or a search has to say), each once. */
export function notes(texts) {
  const root = byId("notes");
  const once = [...new Set(texts.filter(Boolean))];
  root.hidden = once.length === 0;
  root.replaceChildren(el("ul", {}, once.map((text) => el("li", { dir: "auto", text }))));
}

/** A quiet panel: icon, title, one or two sentences, and what can be done. */
export function panel({ sign = "image", title, text = "", hint = "", actions = [], alert = false }) {
  const press = (act) => (event) => {
    byId("images").focus({ preventScroll: true }); // the button goes away
    act(event);
  };
  const buttons = actions.filter(Boolean).map(({ label, act, main }) =>
    el("button", { type: "button", class: main ? "primary" : "quiet", text: label, on: { click: press(act) } }),
  );
  return el(
    "div",
    { class: "state", role: alert ? "alert" : undefined },
    el("span", { class: "sign" }, icon(sign, 26)),
    el("h3", { text: title }),
    text && el("p", { text }),
    hint && el("p", { class: "hint", text: hint }),
    buttons.length > 0 && el("div", { class: "row" }, buttons),
  );
}

/** Grey tiles in the shape of what will come, with a way out. */
export function skeleton(count, label, cancel) {
  const shapes = [1.5, 1, 1.3, 0.8, 1.5, 1.1, 1.3, 0.9];
  const tiles = Array.from({ length: count }, (_, at) =>
    el("li", { class: "tile ghost", vars: { "--ar": String(shapes[at % shapes.length]) } }, el("div", { class: "pic" })),
  );
  return el(
    "div",
    { class: "waiting", "aria-busy": "true" },
    el(
      "p",
      { class: "row" },
      el("span", { class: "thread", "aria-hidden": "true" }),
      el("span", { text: label }),
      cancel && el("button", { type: "button", class: "quiet", text: "Cancel", on: { click: cancel } }),
    ),
    el("ul", { class: "grid", "aria-hidden": "true" }, tiles),
  );
}

const TITLES = {
  ServerAway: "The server is away",
  RateError: "A moment, please",
  QueueFullError: "The server is busy",
  ClusterError: "The cluster cannot answer",
  DeadlineError: "That took too long",
  GalleryMissingError: "The gallery is gone",
  GalleryBusyError: "The gallery is being changed",
  GalleryEmptyError: "Nothing is left to rank",
  GoneError: "The image’s file is gone",
  ModelError: "A model cannot be used",
  CacheError: "A model cannot be used",
};

/** Hints that speak to programs, or of commands, say nothing to a reader of the page. */
const FOR_PROGRAMS = /openapi\.json|\/api\/|as printed by|stitch cluster/;

/** The panel of an ApiError. `retry` is offered where asking again may help, after a pause if told. */
export function faultPanel(error, { retry, title, text, hint, actions = [] } = {}) {
  const again = retry && [0, 409, 429, 502, 503, 504, 500, 408].includes(error.status);
  const shown = panel({
    sign: "alert",
    title: title ?? TITLES[error.type] ?? "That did not work",
    text: text ?? error.message,
    hint: hint ?? (FOR_PROGRAMS.test(error.hint) ? "" : error.hint),
    actions: [again && { label: "Try again", act: retry, main: true }, ...actions],
    alert: true,
  });
  if (again && error.retryAfter) pause(shown.querySelector("button"), error.retryAfter);
  return shown;
}

/** Keep a button shut until the server wants to be asked again. */
function pause(button, seconds) {
  const label = button.textContent;
  let left = Math.ceil(seconds);
  button.disabled = true;
  const tick = () => {
    button.textContent = left > 0 ? `${label} in ${left} s` : label;
    button.disabled = left > 0;
    if (left > 0) setTimeout(tick, 1000);
    left -= 1;
  };
  tick();
}
