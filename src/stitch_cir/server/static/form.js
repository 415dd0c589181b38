// The question: reference, words, captions, rejected pictures and settings, as they stand now.

import * as api from "./api.js";
import { mountCaptions } from "./captions.js";
import { announce, byId, el, icon, toast } from "./dom.js";
import { HITS, noSettings, toFragment } from "./query.js";
import { mountReference, referenceName, remember } from "./reference.js";
import { mountSettings } from "./settings.js";
import { isStale, state, uploadOf } from "./state.js";

/**
 * Put the form in order. `tune(kind, change)` asks again with one thing changed; `submit()` asks;
 * `mark(id)` marks the reference in the gallery.
 */
export function mountForm({ tune, submit, mark }) {
  const text = byId("text");
  const reference = mountReference({ onFile: takeFile, onId: (id) => setReference({ id }), onClear: () => setReference(null) });
  const captions = mountCaptions({ onChange: (edited) => tune("edit", (query) => (query.captions = edited)) });
  let settings = null;
  let sending = null; // the upload under way

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
  });

  /** Fit the form to a gallery once it is known. */
  function fit(info) {
    text.maxLength = info.limits.text_characters;
    settings = mountSettings(info, {
      onChange: (name, value) =>
        tune({ alpha: "alpha", captions: "captions-count" }[name] ?? "tune", (query) => {
          if (name === "hits") query.hits = value ?? HITS;
          else query.settings[name] = value;
        }),
      onReset: () => tune("tune", (query) => (query.settings = noSettings())),
    });
  }

  function show() {
    const { draft } = state;
    if (text.value !== draft.text) text.value = draft.text;
    reference.show(draft.ref);
    mark(draft.ref?.id ?? null);
    settings?.show(draft);
    showLess();
    showCaptions();
    problem(null);
  }

  function showCaptions() {
    const { draft, shown, browsing } = state;
    if (shown === null || browsing) {
      const note = draft.captions ? "" : "They are written when you search; you can also write your own.";
      captions.show({ captions: draft.captions ?? [], edited: Boolean(draft.captions), note });
      return;
    }
    const composed = shown.results?.composition?.captions ?? [];
    const none = shown.results && composed.length === 0 && !shown.query.captions;
    captions.show({
      captions: shown.query.captions ?? composed,
      edited: Boolean(shown.query.captions),
      stale: isStale(),
      note: none ? "None: without words, the views of the picture itself are compared." : "",
    });
  }

  function showLess() {
    const root = byId("less");
    const { less } = state.draft;
    root.hidden = less.length === 0;
    const chip = (id) =>
      el(
        "button",
        {
          type: "button",
          class: "chip",
          title: id,
          "aria-label": `No longer less like ${id}`,
          on: { click: () => tune("less", (query) => (query.less = query.less.filter((one) => one !== id))) },
        },
        el("img", { src: api.thumbnail(id, 64), alt: "", width: "28", height: "28" }),
        icon("close", 15),
      );
    root.replaceChildren(el("span", { text: "Less like" }), el("ul", {}, less.map((id) => el("li", {}, chip(id)))));
  }

  /** Tell what is wrong with the question itself, beside it. */
  function problem(message) {
    const root = byId("form-problem");
    root.hidden = !message;
    root.textContent = message ?? "";
  }

  /** Keep an unasked question with its entry of the history, so that a reload brings it back. */
  function keepDraft() {
    if (!state.browsing) return;
    const entry = { pos: state.pos, kind: "browse", draft: toFragment(state.draft), upload: uploadOf(state.draft) };
    history.replaceState({ ...history.state, ...entry }, "");
  }

  function setReference(ref) {
    sending?.abort();
    state.draft = { ...state.draft, ref, captions: null, less: [] };
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

  async function takeFile(file) {
    problem(null);
    const limit = state.info?.limits.upload_bytes ?? Infinity;
    if (file.size > limit) {
      const [size, most] = [file.size, limit].map((bytes) => (bytes / 2 ** 20).toFixed(1));
      problem(`${file.name || "The picture"} has ${size} MB; at most ${most} MB are taken. Choose a smaller one.`);
      return;
    }
    sending?.abort();
    const control = new AbortController();
    sending = control;
    const url = URL.createObjectURL(file);
    reference.show(null, { busy: { url } });
    try {
      const told = await api.upload(file, control.signal);
      if (told.gallery_id === null) {
        remember(told.upload, file);
        setReference({ upload: told.upload, name: file.name });
      } else {
        setReference({ id: told.gallery_id });
        toast(`The gallery has this very picture: ${told.gallery_id}`);
      }
    } catch (error) {
      if (error.name === "AbortError") return; // another picture was chosen meanwhile
      if (!(error instanceof api.ApiError)) throw error;
      reference.show(state.draft.ref);
      problem(`${error.message} ${error.hint}`);
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  return { show, fit, problem, keepDraft, setReference };
}
