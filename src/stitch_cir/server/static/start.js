// The first minute: questions to begin with, made of this gallery, and one honest line about the encoder.

import * as api from "./api.js";
import { byId, el, icon, style } from "./dom.js";

const STORE = "stitch-encoder-note";

/** Put them in order. `ask({reference, text})` asks one of the questions. Gives `show(empty)`: whether the form is. */
export function mountStart({ info, ask }) {
  const root = byId("start");
  let examples = null;
  let empty = true;

  async function load() {
    examples = [];
    try {
      [{ examples }] = await Promise.all([api.examples(), style("start.css")]);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error; // without examples the page works as before
    }
    build();
  }

  function build() {
    const items = examples.map((example) => el("li", {}, question(example)));
    root.replaceChildren(
      ...(items.length > 0 ? [el("p", { class: "hint", id: "start-title", text: "For example" }), el("ul", { "aria-labelledby": "start-title" }, items)] : []),
      ...(info.encoder_note && isNews(info.encoder) ? [note(info.encoder_note)] : []),
    );
    show(empty);
  }

  function question({ reference, text }) {
    const face = reference ? el("img", { src: api.thumbnail(reference.id, 128), alt: "", width: "44", height: "44" }) : el("span", { class: "blank", "aria-hidden": "true" }, icon("look", 18));
    const label = reference ? `Search with ${reference.id}: ${text}` : `Search for: ${text}`;
    return el("button", { type: "button", class: "example", "aria-label": label, on: { click: () => ask({ reference, text }) } }, face, el("span", { text: reference ? `“${text}”` : text }));
  }

  /** A note ends with a command, and what it costs in parentheses. */
  function note(text) {
    const [, what, command, cost] = /^(.*?): (.*?)(?: \((.*)\)\.)?$/.exec(text);
    return el("details", { class: "hint honest" }, el("summary", { text: `${what}.` }), el("code", { text: command }), ...(cost ? [el("p", { text: `${cost}.` })] : []));
  }

  /** Whether this browser has not shown the note on an encoder before; from now on it has. */
  function isNews(encoder) {
    try {
      if (localStorage.getItem(STORE) === encoder) return false;
      localStorage.setItem(STORE, encoder);
    } catch {
      // without storage it is shown every time
    }
    return true;
  }

  function show(isEmpty) {
    empty = isEmpty;
    root.hidden = !empty || root.childElementCount === 0;
    if (empty && examples === null) load();
  }

  return { show };
}
