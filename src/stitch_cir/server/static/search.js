// Sending queries to the server, one at a time: waiting, the answer, or the error.

import * as api from "./api.js";
import { announce, byId, plural } from "./dom.js";
import { copyQuery, toRequest } from "./query.js";
import { fileOf, remember } from "./reference.js";
import * as view from "./results.js";
import { panel } from "./states.js";
import { galleryNotes, mostHits, state, uploadOf } from "./state.js";
import { titleOf } from "./trail.js";

const CACHED = 30;
const GHOST_AFTER = 140; // ms: a quick answer shows no grey tiles

/**
 * Connect the search. `showForm()`; `acts(query)` returns the actions on results; `tools()` the
 * buttons above them; `quiet()` stops whatever else fills the stage.
 */
export function mountSearch({ showForm, acts, tools, quiet }) {
  const cache = new Map();
  let running = null;

  function stop() {
    running?.abort();
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
   * in sight meanwhile; `more` moves the focus to the first hit that is new.
   */
  async function run(query, { fresh = true, keep = false, more = false, retried = false } = {}) {
    stop();
    state.browsing = false;
    state.draft = copyQuery(query);
    const ask = toRequest(query, mostHits());
    const key = JSON.stringify(ask);
    const control = new AbortController();
    running = control;
    state.busy = true;
    if (!keep) showForm();
    const waiting = setTimeout(() => view.showWaiting(keep, query.hits, cancel), GHOST_AFTER);
    try {
      const known = fresh ? undefined : cache.get(key);
      const results = known ?? (await api.search(ask, control.signal)).results;
      if (running !== control) return;
      remembered(key, results);
      answer(query, results, more);
    } catch (error) {
      if (running !== control) return;
      if (error.name === "AbortError") {
        cancelled(query);
        return;
      }
      if (!(error instanceof api.ApiError)) throw error;
      if (error.status === 404 && !retried && (await renew(query))) await run(query, { retried: true });
      else if (error.type === "SettingError" && !retried && (await shrunk())) await run(query, { keep, more, retried: true });
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
    cache.set(key, results);
    if (cache.size > CACHED) cache.delete(cache.keys().next().value);
  }

  function answer(query, results, more) {
    const before = more ? (state.shown?.results?.hits.length ?? 0) : 0;
    state.busy = false;
    state.shown = { query, results };
    document.title = `${titleOf(query, "search")} · STiTch`;
    showForm();
    const count = results.hits.length;
    view.head("Results", count === 0 ? "none" : `${count} of ${results.ranked.toLocaleString("en")}`, tools());
    view.showResults(results, query, { ...acts(query), notes: galleryNotes(), still: () => state.shown?.results === results && !state.busy });
    if (before > 0) byId("stage").querySelectorAll(".pic")[before]?.focus();
    const best = results.hits[0];
    const told = best && `${plural(count, "image")} found. Best: ${best.captions[0] ?? best.id}, score ${best.score.toFixed(3)}.`;
    announce(told ?? "No image found.");
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
    view.head("Results", "");
    view.notes([]);
    byId("facts").hidden = true;
    byId("stage").replaceChildren(panel(shown));
  }

  /** Send the upload of a query once more, if its file is still here; tell whether the server has it. */
  async function renew(query) {
    const file = uploadOf(query) && fileOf(query.ref.upload);
    if (!file) return false;
    try {
      const told = await api.upload(file);
      remember(told.upload, file);
      query.ref = { upload: told.upload, name: query.ref.name };
      history.replaceState({ ...history.state, upload: query.ref }, "");
      return true;
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      return false;
    }
  }

  return { run, stop, cancel, refuse, renew };
}
