// The page: one question in the form, one answer beside it, and the browser's history between them.

import * as api from "./api.js";
import { byId, plural, style, toast } from "./dom.js";
import { mountForm } from "./form.js";
import { mountGallery } from "./gallery.js";
import { allOff, declare, emptyQuery, filtersOf, fromFragment, lacksUpload, noFilters, toRequest, toFragment } from "./query.js";
import { galleryNotes, mostHits, question, state, uploadOf } from "./state.js";
import { faultPanel, notes, panel } from "./states.js";
import * as trail from "./trail.js";

/** Changes that are no step of the history: Undo takes them back one by one. */
const WITHIN = new Set(["alpha", "captions-count", "tune", "edit", "anew", "filter"]);
const MOST_UNDONE = 20;

const gallery = mountGallery({
  onPick: ({ id }) => form.setReference({ id }),
  onLook: (item) => openImage(item),
  showNotes: listed,
  marked: () => state.draft.ref?.id ?? null,
  onLoad: () => history.replaceState({ ...history.state, ...gallery.position() }, ""),
  unfilter: () => unfilter(),
  nothingMeets: async () => (await filterBar())?.nothingMeets(state.draft) ?? panel({ title: "No image meets the filters", actions: [{ label: "Clear the filters", act: clearFilters, main: true }] }),
});
const form = mountForm({ tune, submit, mark: gallery.mark, onShow: () => begin() });
const goInHistory = (by) => history.go(by);
let runner = null; // sends and shows queries; its files come after the first images
let tools = null; // share, contact sheet, undo
let bar = null; // the filters; theirs too, where the gallery has attributes
let beginning = null; // questions to begin with; they come after the first images
let ready = false; // the first images are there
let indexing = null; // where the gallery is being indexed
let viewer = null; // the window with one image; its files come when it is first needed
let helping = false;
let keys = null; // shortcuts, help and the switch of colours; they come after the first images, or with a click
const early = new AbortController(); // ends what listens to their buttons until then
let leaving = null; // a step back that the browser has not taken yet
let remembering = null; // the scroll position is kept with the entry of the history

// -- queries, step by step -------------------------------------------------------------------------

const address = (fragment) => `${location.pathname}${fragment ? `#${fragment}` : ""}`;

/** Load what sends and shows queries. */
async function answering() {
  const [{ mountSearch }, { mountTools }, { mountActs }] = await Promise.all([import("./search.js"), import("./tools.js"), import("./acts.js"), style("results.css"), form.complement()]);
  tools ??= mountTools({ call: withUpload, restore, address });
  const acts = mountActs({ form, tune, use, less, browse, unfilter, filterBar, openImage, withUpload, runner: () => runner });
  runner ??= mountSearch({ showForm: present, acts, tools: tools.buttons, quiet: gallery.stop });
}

async function run(query, options) {
  try {
    if (runner === null) await answering();
  } catch {
    byId("stage").replaceChildren(faultPanel(api.unreachable(), { retry: () => run(query, options) }));
    return;
  }
  await runner.run(query, options);
}

/** Bring form and filters up to date. */
function present() {
  form.show();
  bar?.show(state.draft);
}

/** Offer questions to begin with as long as nothing is asked. */
async function begin() {
  const empty = state.browsing && !state.draft.ref && state.draft.text === "" && state.draft.turns.length === 0;
  try {
    if (beginning === null && empty && ready) {
      const { mountStart } = await import("./start.js");
      beginning ??= mountStart({ info: state.info, ask: example });
    }
    beginning?.show(empty);
  } catch {
    // without examples the page works as before
  }
}

/** Ask one of the questions that the page offers. */
function example({ reference, text }) {
  state.draft = { ...emptyQuery(), ...filtersOf(state.draft), settings: state.draft.settings, text };
  if (reference) state.draft.ref = { id: reference.id };
  go(state.draft, "search");
}

/** Ask, and make that a step of the history; the step of an open image becomes this one. */
async function go(query, kind) {
  if (leaving) await leaving;
  warn([]);
  const to = address(toFragment(query));
  const same = to === address(location.hash.slice(1));
  const again = Boolean(history.state?.open) || (!state.browsing && (same || WITHIN.has(kind)));
  const within = again && !same && WITHIN.has(kind) && !history.state.open;
  keepScroll();
  if (!again) state.pos += 1;
  const undo = within ? [...(history.state.undo ?? []), location.hash].slice(-MOST_UNDONE) : same ? history.state?.undo : undefined;
  const entry = { pos: state.pos, kind: within ? history.state.kind : kind, upload: uploadOf(query), more: query.more, undo };
  if (again) history.replaceState(entry, "", to);
  else history.pushState(entry, "", to);
  trail.record(state.pos, query, within ? "search" : kind);
  trail.show(state.pos, goInHistory);
  if (kind === "search" || kind === "less") byId("images").scrollIntoView();
  return run(query, { keep: kind !== "search" });
}

/** Remember with the entry of the history how far one has scrolled, before it is left. */
function keepScroll() {
  clearTimeout(remembering);
  history.replaceState({ ...history.state, y: Math.round(scrollY), ...(state.browsing && gallery.items().length > 0 && gallery.position()) }, "");
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

/** Filter what is shown: the results, or the gallery. */
function refilter(change) {
  if (!state.browsing) {
    tune("filter", change);
    return;
  }
  change(state.draft);
  enterGallery(history.state?.kind === "filter");
}

const unfilter = () => refilter((query) => Object.assign(query, noFilters()));
const clearFilters = () => refilter((query) => Object.assign(query, noFilters(), { group: query.group }));

function browse() {
  enterGallery(state.browsing);
}

/** Go to the gallery, in a step of its own or (`again`) in the one we are in. */
function enterGallery(again) {
  keepScroll();
  if (!again) state.pos += 1;
  const kind = state.browsing && !again ? "filter" : (again && history.state?.kind) || "browse";
  history[again ? "replaceState" : "pushState"]({ pos: state.pos, kind }, "", address(toFragment({ ...emptyQuery(), ...filtersOf(state.draft) })));
  return showGallery();
}

function showGallery(entry = {}) {
  runner?.stop();
  if (state.shown) learn(); // it may have grown, or have something to say, since it was looked at
  state.browsing = true;
  state.shown = null;
  present();
  form.keepDraft();
  trail.show(state.pos, goInHistory);
  document.title = state.info ? `${state.info.name} · STiTch` : "STiTch";
  return gallery.show(entry);
}

/** Show what the address says: at the start, after a step back or forth, after a reload. */
async function restore() {
  const { query, filters, open, lost } = fromFragment(location.hash);
  const arrived = history.state === null;
  if (arrived) {
    // what lies below the image that a link opens gets an entry of its own: Back leads there
    const below = query ?? (open && { ...emptyQuery(), ...filters });
    const to = below ? address(toFragment(below)) : location.href;
    history.replaceState({ pos: trail.next(state.pos), kind: query ? "search" : "browse" }, "", to);
  }
  const entry = history.state;
  state.pos = entry.pos;
  if (query && uploadOf(query) && (!query.ref.kept || entry.upload?.kept === query.ref.kept)) query.ref = entry.upload ?? { upload: null, name: "" };
  if (query?.ref && entry.more) query.more = entry.more;
  const shown = query && !state.busy && !state.browsing && state.shown?.results;
  if (shown && JSON.stringify(toRequest(query)) === JSON.stringify(toRequest(state.shown.query))) {
    trail.show(state.pos, goInHistory);
    await follow(open);
    return;
  }
  const browsed = query === null && state.browsing && !arrived && (viewer?.isOpen() || open) && gallery.items().length > 0;
  if (browsed && JSON.stringify(filters) === JSON.stringify(filtersOf(state.draft))) {
    await follow(open);
    return;
  }
  hideImage();
  await warn(lost);
  if (query === null) {
    state.draft = (entry.draft && fromFragment(entry.draft).query) || emptyQuery();
    if (uploadOf(state.draft)) state.draft.ref = entry.upload ?? null;
    if (state.draft.ref && entry.more) state.draft.more = entry.more;
    Object.assign(state.draft, filters);
    const near = await showGallery(entry);
    if (near === null) await scrollBack(entry);
    else byId("stage").querySelectorAll(".tile")[near]?.scrollIntoView();
    if (open) await openImage(open, open.why, arrived);
    return;
  }
  const step = entry.open || entry.help ? entry.pos - 1 : entry.pos;
  if (!trail.hasStep(step)) trail.record(step, query, "search");
  trail.show(state.pos, goInHistory);
  const isIncomplete = lacksUpload(query) || allOff(query);
  if (isIncomplete) await refuse(query, (await import("./links.js")).lacking(query, { browse, tune }));
  else await run(query, { fresh: false, count: entry.count });
  await scrollBack(entry);
  // on a phone the form fills the screen: whoever follows a link came for the results
  if (arrived && matchMedia("(max-width: 59.99rem)").matches) byId("images").scrollIntoView();
  if (open && state.shown?.results) await openImage(open, open.why, arrived);
}

/** Open or close an image as the address says. */
async function follow(open) {
  const now = viewer?.isOpen();
  if (open === null) hideImage();
  else if (now?.id !== open.id || now.why !== open.why) await openImage(open, open.why, false);
}

/** Scroll to where one was, once all that stands above is there. */
async function scrollBack({ pos, y = 0 }) {
  if (y > 0) {
    await Promise.all([filterBar(), import("./facts.js").catch(() => null)]);
    await new Promise(requestAnimationFrame);
  }
  if (history.state?.pos === pos) scrollTo(0, y);
}

/** Show what of a link could not be read, until the next query. */
async function warn(lost) {
  byId("warning").hidden = true;
  if (lost.length > 0) (await import("./links.js")).warn(lost);
}

/** Say why a link cannot be answered as it stands. */
async function refuse(query, { why, draft }) {
  await answering();
  runner.refuse(query, why, draft);
}

// -- going on from a hit ---------------------------------------------------------------------------

async function use(id) {
  await closeImage();
  if (!state.browsing && !state.adding) state.draft = { ...question(), text: "", more: [], turns: [] };
  else state.draft = question();
  form.setReference({ id });
}

function less(id) {
  hideImage(); // its step of the history becomes that of the search
  tune("less", (query) => (query.less = [...query.less.filter((other) => other !== id), id]));
}

const addressOf = (open) => address(toFragment(state.browsing ? { ...emptyQuery(), ...filtersOf(state.draft) } : state.shown.query, open));

/** Open an image as a step of the history (`enter`), so that Back closes it, or go on in that step. */
async function openImage(item, why = false, enter = true) {
  if (leaving) await leaving;
  const open = { id: item.id, why: why && !state.browsing };
  const entry = enter && !history.state?.open ? { ...history.state, y: Math.round(scrollY), pos: (state.pos += 1), kind: "open", open: true } : history.state;
  history[entry === history.state ? "replaceState" : "pushState"](entry, "", addressOf(open));
  if (viewer === null) {
    try {
      const { mountViewing } = await import("./viewing.js");
      const list = () => (state.browsing ? { items: gallery.items(), total: gallery.total(), goOn: gallery.goOn } : { items: state.shown.results.hits, total: state.shown.results.total, goOn: runner.goOn });
      const onTab = (why) => history.replaceState(history.state, "", addressOf({ id: viewer.isOpen().id, why }));
      viewer ??= mountViewing({ list, call: withUpload, onOpen: openImage, onClose: closeImage, onTab, onUse: use, onLess: less });
      if (fromFragment(location.hash).open?.id !== open.id) return; // closed meanwhile
    } catch {
      toast("The image could not be opened: the server does not answer. Try again once it is back.");
      if (history.state?.open) history.back();
      return;
    }
  }
  await viewer.open(item, open.why);
}

/** Call with the question that is shown; an upload that the server forgot is sent once more. */
async function withUpload(call) {
  const { query, results } = state.shown;
  const count = results?.hits.length;
  try {
    return await call(toRequest(query, mostHits(), count));
  } catch (error) {
    if (error.status !== 404 || !(await runner.renew(query))) throw error;
    return call(toRequest(query, mostHits(), count));
  }
}

/** Close the image because the reader said so: a step back, which Forward undoes. */
function closeImage() {
  if (!viewer?.isOpen()) return leaving;
  hideImage();
  if (!history.state?.open) return null;
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

/** Close the image because the address no longer names it. */
function hideImage() {
  const now = viewer?.isOpen();
  if (!now) return;
  viewer.close();
  byId("stage").querySelector(`.pic[data-id="${CSS.escape(now.id)}"]`)?.focus();
}

// -- the start -------------------------------------------------------------------------------------

function listen() {
  for (const id of ["home", "to-gallery"]) byId(id).addEventListener("click", browse);
  document.querySelector("[data-skip]").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment is the question's
    byId("images").focus();
  });
  window.addEventListener("popstate", () => {
    clearTimeout(remembering);
    if (!leaveHelp()) restore();
  });
  window.addEventListener("scroll", () => {
    clearTimeout(remembering);
    remembering = setTimeout(keepScroll, 150);
  }, { passive: true });
  for (const button of [byId("theme"), byId("help")]) {
    const wait = () => listenToKeys().then(() => button.click(), () => toast("The server does not answer."));
    button.addEventListener("click", wait, { signal: early.signal });
  }
}

/** Put shortcuts, the help and the switch of colours in order, once. */
function listenToKeys() {
  keys ??= import("./keys.js").then(takeKeys);
  keys.catch(() => (keys = null)); // it is tried again when it is needed
  return keys;
}

function takeKeys({ mountKeys, mountTheme }) {
  early.abort(); // from now on both buttons listen themselves
  mountTheme();
  mountKeys({
    "/": () => byId("text").focus(),
    g: browse,
    f: () => {
      browse();
      gallery.filter.focus();
    },
    p: () => (byId("stage").querySelector('.pic[tabindex="0"]') ?? byId("images")).focus(),
    c: () => {
      byId("details").open = true;
      byId("details").querySelector("summary").focus();
    },
    z: () => tools?.undo(),
    Escape: () => runner?.cancel(),
  }, { onOpen: enterHelp, onClose: () => history.state?.help && stepBack() });
}

/** Show what the gallery is; it may change while the page is open. */
function introduce(info) {
  state.info = info;
  declare(info.settings);
  const part = info.missing?.length > 0 ? " (incomplete)" : "";
  byId("about").textContent = `${info.name} · ${plural(info.images, "image")}${part} · ${info.encoder}`;
}

/** Take up what a gallery that is being indexed has become. */
function grown(info) {
  introduce(info);
  if (!state.browsing) return;
  notes(galleryNotes());
  gallery.grow(info.images);
}

/** Show what the gallery has to say, and that parts of its list are missing, or are there again. */
function listed(missing = null) {
  notes([...galleryNotes(), ...(missing ?? []).map((why) => `Images are missing: ${why}`)]);
  const before = state.info?.missing ?? [];
  if (missing !== null && missing.length === 0 && before.length > 0) learn();
}

async function learn() {
  const now = await api.about().catch(() => null);
  if (now === null) return;
  introduce(now);
  if (state.browsing) notes(galleryNotes());
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
  byId("filters").hidden = !state.info.attributes?.length; // room for them, so that nothing moves when they come
  await restore();
  performance.mark("first-images");
  answering().catch(() => {}); // it is tried again when it is needed
  filterBar();
  ready = true;
  for (const more of [listenToKeys, form.takeDrops]) more().catch(() => {}); // without shortcuts and drops the page works as before
  begin();
  import("./density.js").then(({ mountDensity }) => mountDensity(), () => {});
  if (state.info.complete === false) indexing ??= await import("./indexing.js").then(({ watchIndexing }) => watchIndexing(state.info, grown), () => null);
}

/** Load and show the filters, where there is something to filter by; null where they could not be loaded. */
async function filterBar() {
  if (bar || !state.info?.attributes?.length) return bar;
  try {
    const { mountFilters } = await import("./filters.js");
    bar ??= mountFilters({ info: state.info, change: refilter, clear: clearFilters });
    await bar.show(state.draft);
  } catch {
    return null; // without its filters the page works as before
  }
  return bar;
}

history.scrollRestoration = "manual";
form.show();
listen();
start();
