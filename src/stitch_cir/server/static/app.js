// The page: one question in the form, one answer beside it, and the browser's history between them.

import * as api from "./api.js";
import { mountSearch } from "./search.js";
import { announce, byId, download, plural, toast } from "./dom.js";
import { mountForm } from "./form.js";
import { mountGallery } from "./gallery.js";
import { mountKeys, mountTheme } from "./keys.js";
import { HITS, allOff, declare, declaredSettings, emptyQuery, fromFragment, noSettings, isSearchable, toRequest, toFragment } from "./query.js";
import * as view from "./results.js";
import { galleryNotes, mostHits, question, state, uploadOf } from "./state.js";
import { faultPanel } from "./states.js";
import * as trail from "./trail.js";

/** Changes that follow each other quickly: a step of the history takes up the next of its kind. */
const GATHER = new Set(["alpha", "captions-count", "tune", "more", "edit"]);

const gallery = mountGallery({ onPick: ({ id }) => form.setReference({ id }), showNotes: () => view.notes(galleryNotes()), marked: () => state.draft.ref?.id ?? null });
const form = mountForm({ tune, submit, mark: gallery.mark });
const runner = mountSearch({ showForm: form.show, acts, tools, quiet: gallery.stop });
const goInHistory = (by) => history.go(by);
let explain = null; // its files come when it is first needed
let helping = false;
let leaving = null; // a step back that the browser has not taken yet

// -- queries, step by step -------------------------------------------------------------------------

const address = (fragment) => `${location.pathname}${fragment ? `#${fragment}` : ""}`;

/** Ask, and make that a step of the history; the step of an open explanation becomes this one. */
async function go(query, kind) {
  if (leaving) await leaving;
  warn([]);
  const to = address(toFragment(query));
  const same = to === address(location.hash.slice(1));
  const again = Boolean(history.state?.why) || (!state.browsing && (same || (GATHER.has(kind) && history.state?.kind === kind)));
  if (!again) state.pos += 1;
  const entry = { pos: state.pos, kind, upload: uploadOf(query) };
  if (again) history.replaceState(entry, "", to);
  else history.pushState(entry, "", to);
  if (kind !== "more") trail.record(state.pos, query, kind);
  trail.show(state.pos, goInHistory);
  if (kind === "search" || kind === "less") byId("pictures").scrollIntoView();
  return runner.run(query, { keep: kind !== "search", more: kind === "more" });
}

/** Change one thing; ask again where an answer is on the screen. */
function tune(kind, change) {
  state.draft = question();
  change(state.draft);
  const problem = form.whyNot(state.draft);
  if (state.browsing || problem) {
    form.show();
    form.keepDraft();
    if (!state.browsing && !allOff(state.draft)) form.problem(problem);
  } else {
    go(state.draft, kind);
  }
}

async function submit() {
  if (!(await form.complete())) return; // the image did not come: searching without it is another question
  state.draft = question();
  const problem = form.whyNot(state.draft);
  if (problem === null) {
    if (matchMedia("(hover: none)").matches) byId("text").blur(); // the keyboard of a phone goes away
    go(state.draft, "search");
    return;
  }
  form.problem(problem);
  byId("text").focus();
}

function browse() {
  if (!state.browsing) {
    state.pos += 1;
    history.pushState({ pos: state.pos, kind: "browse" }, "", address(""));
  }
  return showGallery();
}

function showGallery() {
  runner.stop();
  if (state.shown) learn(); // it may have grown, or have something to say, since it was looked at
  state.browsing = true;
  state.shown = null;
  form.show();
  form.keepDraft();
  trail.show(state.pos, goInHistory);
  document.title = state.info ? `${state.info.name} · STiTch` : "STiTch";
  return gallery.show();
}

/** Show what the address says: at the start, after a step back or forth, after a reload. */
async function restore() {
  const { query, explained, lost } = fromFragment(location.hash);
  const arrived = history.state === null;
  if (arrived) {
    // the results get an entry of their own below the explanation that a link names: Back leads to them
    const to = query ? address(toFragment(query)) : location.href;
    history.replaceState({ pos: trail.next(state.pos), kind: query ? "search" : "browse" }, "", to);
  }
  const entry = history.state;
  state.pos = entry.pos;
  if (query && uploadOf(query)) query.ref = entry.upload ?? { upload: null, name: "" };
  const shown = query && !state.busy && !state.browsing && state.shown?.results;
  if (shown && JSON.stringify(toRequest(query)) === JSON.stringify(toRequest(state.shown.query))) {
    trail.show(state.pos, goInHistory);
    if (explained === null) hideExplain();
    else if (explain?.isOpen() !== explained) await openExplain(explained, arrived);
    return;
  }
  hideExplain();
  warn(lost);
  if (query === null) {
    state.draft = (entry.draft && fromFragment(entry.draft).query) || emptyQuery();
    if (uploadOf(state.draft)) state.draft.ref = entry.upload ?? null;
    await showGallery();
    return;
  }
  const step = entry.why || entry.help ? entry.pos - 1 : entry.pos;
  if (!trail.hasStep(step)) trail.record(step, query, "search");
  trail.show(state.pos, goInHistory);
  if (query.ref?.upload === null) refuseUpload(query);
  else if (allOff(query)) refuseCaptions(query);
  else await runner.run(query, { fresh: false });
  if (explained !== null && state.shown?.results) await openExplain(explained, arrived);
}

/** Show what of a link could not be read, until the next query. */
function warn(lost) {
  const root = byId("warning");
  const titles = declaredSettings().filter(({ symbol }) => symbol === "" || symbol === "K");
  const names = Object.fromEntries(titles.map(({ name, title }) => [name, title.toLowerCase().replace(/[“”]/g, "")]));
  const parts = lost.map(([name, text]) => `${names[name] ?? name.replaceAll("_", " ")} “${text.slice(0, 40)}”`);
  root.hidden = lost.length === 0;
  root.textContent = lost.length === 0 ? "" : `Part of this link makes no sense and was left out: ${parts.join(", ")}. Everything else is as the link says.`;
  if (lost.length > 0) announce(root.textContent);
}

/** A link names an upload that this browser does not have: say so, with all else in place. */
function refuseUpload(query) {
  const why = {
    title: "The image of this link is not here",
    text: "It was uploaded, and uploads are not part of a link.",
    hint: "Choose or drop the image again; words and settings are in place.",
    actions: [{ label: "Choose an image", act: () => byId("file").click(), main: true }, { label: "To the gallery", act: browse }],
  };
  runner.refuse(query, why, { ...query, ref: null });
}

/** A link switches every caption off: there is nothing to search with, and nothing to fall back on. */
function refuseCaptions(query) {
  const on = () => tune("edit", (one) => (one.captions = one.captions.map((caption) => ({ ...caption, on: true }))));
  const anew = isSearchable({ ...query, captions: null }) && { label: "Compose anew", act: () => tune("anew", (one) => (one.captions = null)) };
  runner.refuse(query, {
    title: "All captions are switched off",
    text: "Nothing is left to search with.",
    actions: [{ label: "Switch them on", act: on, main: true }, anew],
  });
}

// -- going on from a hit ---------------------------------------------------------------------------

function acts(query) {
  return {
    most: mostHits(),
    pick: ({ id }) => openExplain(id),
    use: ({ id }) => use(id),
    less: ({ id }) => less(id),
    more: () => tune("more", (one) => (one.hits = Math.min(one.hits + HITS, mostHits()))),
    lower: () => tune("tune", (one) => (one.settings.min_score = null)),
    retry: () => runner.run(query),
    browse,
    choose: () => byId("file").click(),
    standard: () => tune("tune", (one) => (one.settings = noSettings())),
    words: () => tune("search", (one) => Object.assign(one, { ref: null, captions: null, object: "" })),
    forgive: () => tune("less", (one) => (one.less = [])),
    forget: () => {
      browse();
      form.setReference(null);
    },
  };
}

async function use(id) {
  await closeExplain();
  state.draft = { ...question(), text: "" };
  form.setReference({ id });
}

function less(id) {
  hideExplain(); // its step of the history becomes that of the search
  tune("less", (query) => (query.less = [...query.less.filter((one) => one !== id), id]));
}

/** Open an explanation as a step of the history (`enter`), so that Back closes it, or go on in that step. */
async function openExplain(id, enter = true) {
  if (leaving) await leaving;
  const { query, results } = state.shown;
  const entry = enter && !history.state?.why ? { ...history.state, pos: (state.pos += 1), kind: "why", why: true } : history.state;
  history[entry === history.state ? "replaceState" : "pushState"](entry, "", address(toFragment(query, id)));
  if (explain === null) {
    try {
      const { mountExplain } = await import("./explain.js");
      explain ??= mountExplain({ onClose: closeExplain, onStep: stepExplain, onUse: use, onLess: less });
      if (fromFragment(location.hash).explained !== id) return; // closed meanwhile
    } catch {
      toast("The explanation could not be loaded: the server does not answer. Try again once it is back.");
      if (history.state?.why) history.back();
      return;
    }
  }
  const at = results.hits.findIndex((hit) => hit.id === id);
  const viewsOnly = query.text.trim() === "" && query.captions === null;
  await explain.open({ call: withUpload, viewsOnly }, id, at < 0 ? null : { at, of: results.hits.length });
}

/** Call with the question that is shown; an upload that the server forgot is sent once more. */
async function withUpload(call) {
  const { query } = state.shown;
  try {
    return await call(toRequest(query, mostHits()));
  } catch (error) {
    if (error.status !== 404 || !(await runner.renew(query))) throw error;
    return call(toRequest(query, mostHits()));
  }
}

function stepExplain(by) {
  const { hits } = state.shown.results;
  const next = hits[hits.findIndex((hit) => hit.id === explain.isOpen()) + by];
  if (next) openExplain(next.id);
}

/** Close the explanation because the reader said so: a step back, which Forward undoes. */
function closeExplain() {
  if (!explain?.isOpen()) return leaving;
  hideExplain();
  if (!history.state?.why) return null;
  return stepBack();
}

function stepBack() {
  leaving = new Promise((done) => {
    window.addEventListener("popstate", done, { once: true });
    history.back();
  }).then(() => (leaving = null));
  return leaving;
}

/** The help is a step of the history too: it fills the screen of a phone, where Back closes windows. */
function enterHelp() {
  helping = true;
  history.pushState({ ...history.state, pos: (state.pos += 1), kind: "help", help: true }, "");
}

/** Close the help after a step back; tell whether that is all there is to do. */
function leaveHelp() {
  if (!helping) return false;
  helping = false;
  state.pos = history.state?.pos ?? state.pos;
  byId("help-dialog").close();
  return history.state !== null;
}

/** Close the explanation because the address no longer names it. */
function hideExplain() {
  const id = explain?.isOpen();
  if (!id) return;
  explain.close();
  byId("stage").querySelector(`.pic[data-id="${CSS.escape(id)}"]`)?.focus();
}

// -- taking along ----------------------------------------------------------------------------------

function tools() {
  return [view.toolButton("Share", "link", share, "share"), view.toolButton("Contact sheet", "save", saveSheet, "sheet")];
}

async function share() {
  const alone = uploadOf(state.shown.query) !== null;
  try {
    await navigator.clipboard.writeText(location.href);
    toast(alone ? "Link copied, without the image: an upload cannot be shared. Who opens it must add the image again." : "Link copied.");
  } catch {
    view.notes([`The link: ${location.href}`, alone ? "An uploaded image is not part of it." : ""]);
    announce("The link stands above the images.");
  }
}

async function saveSheet(event) {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    download(await withUpload(api.sheet), "stitch.html");
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    toast(`${error.message} ${error.hint}`);
  } finally {
    button.disabled = false;
  }
}

// -- the start -------------------------------------------------------------------------------------

function listen() {
  for (const id of ["home", "to-gallery"]) byId(id).addEventListener("click", browse);
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment is the question's
    byId("pictures").focus();
  });
  window.addEventListener("popstate", () => leaveHelp() || restore());
  mountTheme();
  mountKeys({
    "/": () => byId("text").focus(),
    g: browse,
    f: () => {
      browse();
      gallery.filter.focus();
    },
    p: () => (byId("stage").querySelector('.pic[tabindex="0"]') ?? byId("pictures")).focus(),
    c: () => {
      byId("captions").open = true;
      byId("captions").querySelector("summary").focus();
    },
    Escape: runner.cancel,
  }, { onOpen: enterHelp, onClose: () => history.state?.help && stepBack() });
}

/** Show what the gallery is; it may change while the page is open. */
function introduce(info) {
  // it comes once in the life of a gallery, and stays as long as the page is open
  state.info = { ...info, encoder_hint: info.encoder_hint ?? state.info?.encoder_hint ?? null };
  declare(info.settings);
  byId("about").textContent = `${info.name} · ${plural(info.images, "image")} · ${info.encoder}`;
}

async function learn() {
  const now = await api.about().catch(() => null);
  if (now === null) return;
  introduce(now);
  if (state.browsing) view.notes(galleryNotes());
}

async function start() {
  try {
    introduce(await api.about());
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("stage").replaceChildren(faultPanel(error, { retry: start }));
    return;
  }
  form.fit(state.info);
  await restore();
}

byId("captions").open = matchMedia("(min-width: 60rem)").matches;
form.show();
listen();
start();
