// The question: reference, words, captions, rejected images and settings, as they stand now.

import * as api from "./api.js";
import { announce, byId, chip, el, icon, plural } from "./dom.js";
import { HITS, allOff, isSearchable, changedCount, copyQuery, noSettings, toFragment } from "./query.js";
import { mountReference, referenceName } from "./reference.js";
import { isStale, showsEarlier, state, uploadOf } from "./state.js";
import { titleOf } from "./trail.js";

const STORE = "stitch-details";

/** Whether the details are open; remembered where the browser remembers. */
const remembered = {
  get: () => {
    try {
      return localStorage.getItem(STORE) === "open";
    } catch {
      return false;
    }
  },
  set: (open) => {
    try {
      if (open) localStorage.setItem(STORE, "open");
      else localStorage.removeItem(STORE);
    } catch {
      // not remembered then
    }
  },
};

/**
 * Put the form in order. `tune(kind, change)` asks again with one thing changed; `submit()` asks;
 * `mark(id)` marks the reference in the gallery; `onShow()` hears that the question has changed.
 */
export function mountForm({ tune, submit, mark, onShow }) {
  const text = byId("text");
  const reference = mountReference({ onFile: takeFile, onClear: () => setReference(null) });
  let captions = null; // their editor
  let settings = null;
  let sending = null; // the upload under way
  let further = null; // further references and earlier turns
  let arriving = null; // its promise: whether it came

  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  text.addEventListener("input", () => {
    state.draft.text = text.value;
    problem(null);
    keepDraft();
    showCaptions();
    further?.show();
    onShow();
  });

  /** Load the settings of a gallery when their panel is first opened. */
  function fit(info) {
    const root = byId("details");
    const load = async () => {
      if (!root.open || settings) return;
      try {
        const { mountSettings } = await import("./settings.js");
        settings ??= mountSettings(info, { onChange, onReset: () => tune("tune", (query) => (query.settings = noSettings())) });
        settings.show(state.draft);
      } catch (error) {
        byId("settings-body").replaceChildren(el("p", { class: "hint", role: "alert", text: "The settings could not be loaded: the server does not answer. Reload the page once it is back." }));
      }
    };
    root.addEventListener("toggle", load);
    root.addEventListener("toggle", () => remembered.set(root.open));
    root.open ||= remembered.get();
    load();
  }

  function onChange(name, value) {
    tune({ alpha: "alpha", num_captions: "captions-count" }[name] ?? "tune", (query) => {
      if (name === "hits") query.hits = value ?? HITS;
      else query.settings[name] = value;
    });
  }

  function show() {
    const { draft } = state;
    if (text.value !== draft.text) text.value = draft.text;
    reference.show(draft.ref);
    byId("text-label").textContent = draft.turns.length > 0 ? "What else?" : draft.ref ? "What should change?" : "What are you looking for?";
    text.placeholder = draft.ref ? "in red instead" : "a red dress at night";
    mark(draft.ref?.id ?? null);
    const changed = changedCount(draft);
    for (const id of ["settings-count", "details-count"]) byId(id).textContent = changed === 0 ? "standard" : `${changed} changed`;
    if (draft.captions) byId("details-count").textContent = changed === 0 ? "your captions" : `your captions, ${changed} changed`;
    settings?.show(draft);
    showLess();
    showCaptions();
    further?.show();
    problem(null);
    onShow();
  }

  /** Take images that are dropped or pasted. */
  async function takeDrops() {
    const { mountDropping } = await import("./dropping.js");
    mountDropping({ onFile: takeFile, onId: (id) => setReference({ id }), onProblem: problem });
  }

  /** Load what is not needed before the first images: captions, further references and turns. */
  async function complement() {
    const [{ mountCaptions }, { mountFurther }] = await Promise.all([import("./captions.js"), import("./further.js")]);
    captions ??= mountCaptions({ onChange: (edited) => tune(edited ? "edit" : "anew", (query) => (query.captions = edited)) });
    further ??= mountFurther({ tune, onChange: show, keepDraft, onFile: () => byId("file").click() });
    further.show();
    showCaptions();
  }

  function showCaptions() {
    const { draft, shown, browsing } = state;
    const earlier = showsEarlier();
    byId("earlier").hidden = !earlier;
    byId("stage").classList.toggle("earlier", earlier);
    if (earlier) byId("earlier").firstElementChild.textContent = `These images answer the question before, “${titleOf(shown.query)}”.`;
    if (shown === null || browsing) {
      const note = draft.captions ? "" : "They are written when you search; you can also write your own.";
      captions?.show({ captions: draft.captions ?? [], edited: Boolean(draft.captions), note });
      return;
    }
    const composed = shown.results?.composition?.captions ?? [];
    const none = shown.results && composed.length === 0 && !shown.query.captions;
    const edited = (isStale() ? null : draft.captions) ?? shown.query.captions;
    const off = allOff(draft) ? "All are switched off: switch one on, or compose anew. The images still answer the last search." : "";
    captions?.show({
      captions: edited ?? composed,
      edited: Boolean(edited),
      stale: isStale(),
      note: none ? "None: without words, the views of the image itself are compared." : off,
    });
    if (off) announce(off);
  }

  function showChips(id, lead, chips) {
    byId(id).hidden = chips.length === 0;
    byId(id).replaceChildren(el("span", { text: lead }), el("ul", {}, chips.map((chip) => el("li", {}, chip))));
  }

  /** Offer the other objects that the reference may show, or the one that was chosen. */
  function showLess() {
    const forgive = (id) => () => tune("less", (query) => (query.less = query.less.filter((other) => other !== id)));
    const face = (id) => el("img", { src: api.thumbnail(id, 64), alt: "", width: "28", height: "28" });
    showChips("less", "Less like", state.draft.less.map((id) => chip(id, `No longer less like ${id}`, forgive(id), face(id), icon("close", 15))));
  }

  /** Return why the query cannot be sent as it stands, or null. */
  function whyNot(query) {
    if (!isSearchable(query)) return "Choose an image, or write what you look for.";
    if (allOff(query)) return "All captions are switched off. Switch one on, or compose anew.";
    const most = state.info?.limits.text_characters ?? Infinity;
    const longest = Math.max(...[query.text.trim(), ...(query.captions ?? []).map((caption) => caption.text)].map((words) => [...words].length));
    return longest > most ? `A text has ${plural(longest, "character")}; at most ${plural(most, "character")} are taken. Shorten it.` : null;
  }

  /** Show what is wrong with the query itself, beside it. */
  function problem(message) {
    const root = byId("form-problem");
    root.hidden = !message;
    root.textContent = message ?? "";
  }

  /** Keep an unasked question with its entry of the history, so that a reload brings it back. */
  function keepDraft() {
    if (!state.browsing) return;
    const kind = history.state?.kind === "filter" ? "filter" : "browse";
    const entry = { pos: state.pos, kind, draft: toFragment(state.draft), upload: uploadOf(state.draft), more: state.draft.more };
    history.replaceState({ ...history.state, ...entry }, "");
  }

  function setReference(ref) {
    sending?.abort();
    const { draft } = state;
    if (ref && state.adding && draft.ref) Object.assign(draft, { more: [...draft.more, ref], captions: null });
    else if (!ref && draft.more.length > 0) Object.assign(draft, { ref: draft.more[0], more: draft.more.slice(1), captions: null, object: "" });
    else state.draft = { ...draft, ref, captions: null, less: [], object: "" };
    state.adding = false;
    show();
    keepDraft();
    if (ref) {
      announce(`The reference is ${referenceName(ref)}. Say what should change.`);
      byId("form").scrollIntoView({ block: "nearest" });
      text.focus();
    } else {
      byId("choose")?.focus();
    }
  }

  /** Send an image; what does that comes with the first one. */
  function takeFile(file) {
    problem(null);
    sending?.abort();
    const control = new AbortController();
    sending = control;
    const away = () => problem("The image could not be sent: the server does not answer. Try again once it is back.");
    arriving = import("./uploading.js")
      .then(({ sendFile }) => sendFile(file, control.signal, { reference, problem, setReference }), away)
      .finally(() => {
        if (sending === control) sending = null;
      });
  }

  /** Wait for an image on its way; false where it did not come, and the form says why. */
  async function complete() {
    while (sending) if (!(await arriving)) return false;
    return true;
  }

  byId("earlier").lastElementChild.addEventListener("click", () => {
    state.draft = copyQuery(state.shown.query);
    show();
  });

  return { show, fit, problem, keepDraft, setReference, whyNot, complete, complement, takeDrops };
}
