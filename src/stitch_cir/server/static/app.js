// The page: one question in the form, one answer beside it, and the browser's history between them.

import * as api from "./api.js";
import { mountAsking } from "./asking.js";
import { announce, byId, download, toast } from "./dom.js";
import { mountForm } from "./form.js";
import { mountGallery } from "./gallery.js";
import { mountHelp, mountTheme } from "./help.js";
import { HITS, asksSomething, emptyQuery, fromFragment, toAsk, toFragment } from "./query.js";
import * as view from "./results.js";
import { mostHits, question, state, uploadOf } from "./state.js";
import { faultPanel } from "./states.js";
import * as trail from "./trail.js";

/** Changes that follow each other quickly: a step of the history takes up the next of its kind. */
const GATHER = new Set(["alpha", "captions-count", "tune", "more"]);

const gallery = mountGallery({ onPick: ({ id }) => form.setReference({ id }), marked: () => state.draft.ref?.id ?? null });
const form = mountForm({ tune, submit, mark: gallery.mark });
const asking = mountAsking({ showForm: form.show, acts, tools, quiet: gallery.stop });
const byTrail = (by) => history.go(by);
let explain = null; // its files come when it is first needed

// -- asking, step by step --------------------------------------------------------------------------

const address = (fragment) => `${location.pathname}${fragment ? `#${fragment}` : ""}`;

/** Ask, and make that a step of the history. */
function go(query, kind) {
  const to = address(toFragment(query));
  const same = to === address(location.hash.slice(1));
  const again = !state.browsing && (same || (GATHER.has(kind) && history.state?.kind === kind));
  if (!again) state.pos += 1;
  const entry = { pos: state.pos, kind, upload: uploadOf(query) };
  if (again) history.replaceState(entry, "", to);
  else history.pushState(entry, "", to);
  if (kind !== "more") trail.record(state.pos, query, kind);
  trail.show(state.pos, byTrail);
  if (kind === "search" || kind === "less") byId("pictures").scrollIntoView();
  return asking.run(query, { keep: kind !== "search", more: kind === "more" });
}

/** Change one thing; ask again where an answer is on the screen. */
function tune(kind, change) {
  state.draft = question();
  change(state.draft);
  if (state.browsing || !asksSomething(state.draft)) {
    form.show();
    form.keepDraft();
  } else {
    go(state.draft, kind);
  }
}

function submit() {
  state.draft = question();
  if (asksSomething(state.draft)) {
    if (matchMedia("(hover: none)").matches) byId("text").blur(); // the keyboard of a phone goes away
    go(state.draft, "search");
    return;
  }
  form.problem("Choose a picture, or write what you look for.");
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
  asking.stop();
  state.browsing = true;
  state.shown = null;
  form.show();
  form.keepDraft();
  trail.show(state.pos, byTrail);
  document.title = state.info ? `${state.info.name} · STiTch` : "STiTch";
  return gallery.show();
}

/** Show what the address says: at the start, after a step back, after a reload. */
async function restore() {
  explain?.close();
  const { query, explained, lost } = fromFragment(location.hash);
  if (history.state === null) {
    history.replaceState({ pos: trail.next(state.pos), kind: query ? "search" : "browse" }, "");
  }
  const entry = history.state;
  state.pos = entry.pos;
  if (query === null) {
    state.draft = (entry.draft && fromFragment(entry.draft).query) || emptyQuery();
    if (uploadOf(state.draft)) state.draft.ref = entry.upload ?? null;
    await showGallery();
  } else {
    if (uploadOf(query)) query.ref = entry.upload ?? { upload: null, name: "" };
    if (!trail.knows(state.pos)) trail.record(state.pos, query, "search");
    trail.show(state.pos, byTrail);
    if (query.ref?.upload === null) asking.missingUpload(query);
    else await asking.run(query, { fresh: false });
    if (explained !== null && state.shown?.results) await openExplain(explained);
  }
  if (lost.length > 0) toast(`Some of the link could not be read: ${lost.join(", ")}.`);
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
    retry: () => asking.run(query),
    browse,
    forgive: () => tune("less", (one) => (one.less = [])),
    forget: () => {
      browse();
      form.setReference(null);
    },
  };
}

function use(id) {
  closeExplain();
  state.draft = { ...question(), text: "" };
  form.setReference({ id });
}

function less(id) {
  closeExplain();
  tune("less", (query) => (query.less = [...query.less.filter((one) => one !== id), id]));
}

async function openExplain(id) {
  const { query, results } = state.shown;
  history.replaceState(history.state, "", address(toFragment(query, id)));
  if (explain === null) {
    const { mountExplain } = await import("./explain.js");
    explain ??= mountExplain({ onClose: closeExplain, onStep: stepExplain, onUse: use, onLess: less });
  }
  const at = results.hits.findIndex((hit) => hit.id === id);
  await explain.open(toAsk(query, mostHits()), id, at < 0 ? null : { at, of: results.hits.length });
}

function stepExplain(by) {
  const { hits } = state.shown.results;
  const at = hits.findIndex((hit) => hit.id === fromFragment(location.hash).explained) + by;
  if (hits[at]) openExplain(hits[at].id);
}

function closeExplain() {
  if (!explain?.isOpen()) return;
  const { explained } = fromFragment(location.hash);
  explain.close();
  history.replaceState(history.state, "", address(toFragment(state.shown.query)));
  byId("stage").querySelector(`.pic[data-id="${CSS.escape(explained ?? "")}"]`)?.focus();
}

// -- taking along ----------------------------------------------------------------------------------

function tools() {
  return [view.toolButton("Share", "link", share, "share"), view.toolButton("Contact sheet", "save", saveSheet, "sheet")];
}

async function share() {
  const alone = uploadOf(state.shown.query) !== null;
  try {
    await navigator.clipboard.writeText(location.href);
    toast(alone ? "Link copied, without the picture: an upload cannot be shared. Who opens it must add the picture again." : "Link copied.");
  } catch {
    view.notes([`The link: ${location.href}`, alone ? "An uploaded picture is not part of it." : ""]);
    announce("The link stands above the pictures.");
  }
}

async function saveSheet(event) {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    download(await api.sheet(toAsk(state.shown.query, mostHits())), "stitch.html");
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
  window.addEventListener("popstate", restore);
  mountTheme();
  mountHelp({
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
    Escape: asking.cancel,
  });
}

async function start() {
  try {
    state.info = await api.about();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    byId("stage").replaceChildren(faultPanel(error, { retry: start }));
    return;
  }
  const { name, images, encoder } = state.info;
  byId("about").textContent = `${name} · ${images.toLocaleString("en")} pictures · ${encoder}`;
  form.fit(state.info);
  await restore();
}

byId("captions").open = matchMedia("(min-width: 60rem)").matches;
form.show();
listen();
start();
