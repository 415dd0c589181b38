// Sending queries to the server, one at a time: waiting, the answer, or the error.

import * as api from "./api.js";
import { announce, byId, plural } from "./dom.js";
import { HITS, copyQuery, referencesOf, toRequest } from "./query.js";
import { fileOf, remember } from "./reference.js";
import * as view from "./results.js";
import { head, notes, panel } from "./states.js";
import { galleryNotes, mostHits, state, uploadOf } from "./state.js";
import { titleOf } from "./trail.js";

const CACHED = 30;
const MOST_AT_ONCE = 96;
const GHOST_AFTER = 140; // ms: a quick answer shows no grey tiles

/** How many hits fill the screen, in rows as grid.js makes them; a large screen has room for more. */
function screenful() {
  const row = byId("stage").querySelector(".pic")?.clientHeight || 148;
  const { clientWidth } = byId("stage");
  return Math.min(MOST_AT_ONCE, Math.max(HITS, Math.floor(clientWidth / (1.25 * row)) * Math.floor(innerHeight / (row + 50))));
}

/**
 * Connect the search. `showForm()`; `acts(query)` returns the actions on results; `tools()` the
 * buttons above them; `quiet()` stops whatever else fills the stage.
 */
export function mountSearch({ showForm, acts, tools, quiet }) {
  const cache = new Map();
  let running = null;
  let extending = null; // more of the hits that are shown are on their way
  let listed = null; // the list of hits on the screen

  function stop() {
    running?.abort();
    extending?.abort();
    running = null;
    state.busy = false;
    quiet();
    byId("stage").removeAttribute("aria-busy");
  }

  /** Cancel what is under way, because the user said so. */
  function cancel() {
    if (!running) return;
    running.cancelled = true;
    running.abort();
  }

  /**
   * Ask and show. Without `fresh` an answer that is still known is taken; `keep` leaves the old hits
   * in sight meanwhile; `count` hits were shown before.
   */
  async function run(query, { fresh = true, keep = false, count = 0, retried = false } = {}) {
    stop();
    state.browsing = false;
    state.draft = copyQuery(query);
    const key = JSON.stringify(toRequest(query, mostHits()));
    const control = new AbortController();
    running = control;
    state.busy = true;
    if (!keep) showForm();
    const waiting = setTimeout(() => view.showWaiting(keep, query.hits, cancel), GHOST_AFTER);
    try {
      const kept = fresh ? undefined : cache.get(key);
      const results = kept ?? (await api.search(toRequest(query, mostHits(), Math.max(query.hits === HITS ? screenful() : query.hits, count)), control.signal)).results;
      if (running !== control) return;
      remembered(key, results);
      answer(query, results);
    } catch (error) {
      if (running !== control) return;
      if (error.name === "AbortError") {
        cancelled(query);
        return;
      }
      if (!(error instanceof api.ApiError)) throw error;
      if (error.status === 404 && !retried && (await renew(query))) await run(query, { retried: true });
      else if (error.type === "SettingError" && !retried && (await shrunk())) await run(query, { keep, retried: true });
      else fault(query, error);
    } finally {
      clearTimeout(waiting);
      if (running === control) {
        running = null;
        state.busy = false;
        byId("stage").removeAttribute("aria-busy");
      }
    }
  }

  /** Look whether the gallery has fewer images than it had, so that too many hits were asked for. */
  async function shrunk() {
    const now = await api.about().catch(() => null);
    if (now === null || now.images === state.info.images) return false;
    state.info = now;
    return true;
  }

  function remembered(key, results) {
    cache.delete(key);
    if (results.complete === false) return; // what is missing may answer the next time
    cache.set(key, results);
    if (cache.size > CACHED) cache.delete(cache.keys().next().value);
  }

  function answer(query, results) {
    state.busy = false;
    state.shown = { query, results };
    document.title = `${titleOf(query, "search")} · STiTch`;
    showForm();
    const count = results.hits.length;
    head("Results", countOf(results), tools());
    listed = view.showResults(results, query, actsOf(query, results));
    const [best] = results.hits;
    const summary = best && `${plural(count, "image")} found. Best: ${best.captions[0] ?? best.id}.`;
    const part = results.complete === false ? " A part of the gallery is missing." : "";
    announce((results.cutoff?.above === 0 ? "Nothing like that here. The nearest images are shown." : (summary ?? "No image found.")) + part);
  }

  const actsOf = (query, results) => ({ ...acts(query), notes: galleryNotes(), still: () => state.shown?.results === results && !state.busy });

  const countOf = ({ hits, total, ranked, settings, cutoff, complete }) => {
    const part = complete === false ? " · incomplete" : "";
    if (total === 0) return `none${part}`;
    const count = `${hits.length.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    const fit = cutoff ? ` · ${cutoff.above.toLocaleString("en")} above the cut-off` : "";
    return (settings.group_by ? `${count} groups, ${plural(ranked, "image")}` : count) + fit + part;
  };

  /** Show more hits of the same question below those that are shown. */
  async function extend(byHand) {
    const { query, results: before } = state.shown;
    const control = new AbortController();
    extending = control;
    try {
      const results = await goOn(query, before, control.signal);
      if (control.signal.aborted || state.shown?.results !== before) return;
      remembered(JSON.stringify(toRequest(query, mostHits())), results);
      state.shown = { query, results };
      head("Results", countOf(results), tools());
      const { first, ...list } = view.showMore(results, query, { ...actsOf(query, results), listed, before });
      listed = list;
      if (byHand()) first?.querySelector(".pic").focus();
      announce(`${plural(results.hits.length, "image")} shown.`);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof api.ApiError)) throw error;
      listed.end.fail(error);
    }
  }

  /** Return the results with the next page at their end, or all anew where the gallery has changed meanwhile. */
  async function goOn(query, before, signal) {
    try {
      const { results } = await api.search({ ...toRequest(query, mostHits(), HITS), cursor: before.next_cursor }, signal);
      return { ...results, offset: before.offset, hits: [...before.hits, ...results.hits] };
    } catch (error) {
      if (!["CursorGoneError", "CursorError"].includes(error.type)) throw error;
      const { results } = await api.search(toRequest(query, mostHits(), before.hits.length + HITS), signal);
      return { ...results, notes: [...results.notes, "The gallery has changed: this is its new ranking."] };
    }
  }

  function fault(query, error) {
    state.busy = false;
    state.shown = { query, results: null };
    showForm();
    view.showFault(error, query, acts(query), () => state.shown?.query === query && !state.busy);
  }

  function cancelled(query) {
    standStill(query, { sign: "cut", title: "Cancelled", text: "The search was stopped.", actions: [{ label: "Search again", act: () => run(query), main: true }] });
    announce("Cancelled.");
  }

  /** Show why the query cannot be sent as it stands; `draft` goes into the form. */
  function refuse(query, why, draft = query) {
    stop();
    state.browsing = false;
    state.draft = copyQuery(draft);
    standStill(query, { sign: "alert", alert: true, ...why });
  }

  function standStill(query, shown) {
    state.busy = false;
    state.shown = { query: copyQuery(query), results: null };
    showForm();
    head("Results", "");
    notes([]);
    view.hideDescription();
    byId("stage").replaceChildren(panel(shown));
  }

  /** Send the uploads of a query once more, if their files are still here; tell whether the server has them. */
  async function renew(query) {
    const uploads = referencesOf(query).filter(({ id }) => id === undefined);
    if (uploads.length === 0 || !uploads.every(({ upload }) => fileOf(upload))) return false;
    try {
      for (const ref of uploads) {
        const file = fileOf(ref.upload);
        ref.upload = (await api.upload(file)).upload;
        remember(ref.upload, file);
      }
      history.replaceState({ ...history.state, upload: uploadOf(query), more: query.more }, "");
      return true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      return false;
    }
  }

  return { run, extend, goOn: () => listed?.end.goOn(), stop, cancel, refuse, renew };
}
