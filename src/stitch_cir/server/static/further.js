// Further references beside the first, and what was said in earlier turns and still holds.

import { thumbnail } from "./api.js";
import { announce, byId, chip, el, icon, shortName } from "./dom.js";
import { MOST_FURTHER } from "./query.js";
import { referenceName, referenceUrls } from "./reference.js";
import { isStale, state } from "./state.js";

/**
 * Put them in order. `tune(kind, change)` asks again with one thing changed; `onChange()` shows the
 * form anew, `keepDraft()` keeps it, `onFile()` has a file chosen.
 */
export function mountFurther({ tune, onChange, keepDraft, onFile }) {
  const images = byId("further");
  const turns = byId("turns");

  const quiet = (text, act, sign) => el("button", { type: "button", class: "quiet small", on: { click: act } }, sign && icon(sign, 15), text);

  function adding(on) {
    state.adding = on;
    show();
    (on ? images.querySelector("button:last-child") : images.querySelector("#add-reference"))?.focus();
    if (on) announce("The next image that you choose, drop, paste or pick is another reference.");
  }

  function face(ref) {
    const [src, other] = ref.id === undefined ? referenceUrls(ref, 64) : [thumbnail(ref.id, 64)];
    return el("img", { src, alt: "", width: "28", height: "28", on: { error: ({ target }) => other && target.src !== other && (target.src = other) } });
  }

  const chipItem = (label, act, ...content) => el("li", {}, chip(label, label, act, ...content, icon("close", 15)));

  function showImages() {
    const { draft, adding: on } = state;
    images.hidden = !draft.ref;
    if (!draft.ref) return;
    const without = (gone) => () => tune("further", (query) => Object.assign(query, { more: query.more.filter((_, at) => at !== gone), captions: null }));
    const chips = draft.more.map((ref, at) => {
      const name = `${at + 2} · ${shortName(referenceName(ref))}`;
      return chipItem(`${name}: take this reference away`, without(at), face(ref), el("span", { class: "words", text: name }));
    });
    images.replaceChildren(
      ...(chips.length > 0 ? [el("span", { text: "And" }), el("ul", {}, chips)] : []),
      ...(on ? [el("span", { class: "hint", text: "Pick one from the gallery, drop or paste one, or" }), quiet("Choose a file", onFile), quiet("Cancel", () => adding(false))] : []),
    );
    if (!on && draft.more.length < MOST_FURTHER) {
      const add = quiet("Add another image", () => adding(true), "plus");
      add.id = "add-reference";
      images.append(add);
    }
    if (draft.more.length > 0) byId("text").placeholder = "the dress of the first in the colour of the second";
  }

  /** Keep what was asked, and say more. */
  function keep() {
    const { draft } = state;
    Object.assign(draft, { turns: [...draft.turns, draft.text.trim()], text: "", captions: null });
    onChange();
    keepDraft();
    byId("text").focus();
    announce("Kept. Say what else should change.");
  }

  function showTurns() {
    const { draft, browsing, shown } = state;
    const goesOn = !browsing && Boolean(shown?.results) && !isStale() && draft.text.trim() !== "" && draft.turns.length < MOST_FURTHER;
    turns.hidden = draft.turns.length === 0 && !goesOn;
    const without = (gone) => () => tune("further", (query) => Object.assign(query, { turns: query.turns.filter((_, at) => at !== gone), captions: null }));
    const chips = draft.turns.map((text, at) => chipItem(`Take back: ${text}`, without(at), el("span", { class: "words", dir: "auto", text })));
    turns.replaceChildren(...(chips.length > 0 ? [el("span", { text: "Kept" }), el("ul", {}, chips)] : []), ...(goesOn ? [quiet("Keep this and say more", keep, "plus")] : []));
  }

  function show() {
    showImages();
    showTurns();
  }

  return { show };
}
