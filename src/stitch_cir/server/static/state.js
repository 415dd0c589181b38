// What the page knows at a moment. Changed by app.js, form.js and search.js only.

import { copyQuery, emptyQuery, equalQueries } from "./query.js";

export const state = {
  info: null, // what GET /api/gallery said
  draft: emptyQuery(), // the question in the form
  shown: null, // {query, results} on the screen; results null where a fault or nothing is shown
  browsing: true,
  adding: false, // the next image is another reference
  busy: false, // a search is under way
  pos: 0, // our place in the browser's history
};

/** How many hits can be asked for: more than the gallery holds is an error of the API. */
export const mostHits = () => Math.min(state.info?.limits.k ?? Infinity, state.info?.images ?? Infinity);

/** What the gallery itself has to say, whatever is asked of it. */
export const galleryNotes = () => state.info?.notes ?? [];

/** Return the reference of a query where it is an upload, else null. */
export const uploadOf = (query) => (query.ref && query.ref.id === undefined ? query.ref : null);

/** Return whether the form holds another query than the one that is shown. */
export const isStale = () => state.shown !== null && !state.browsing && !equalQueries(state.draft, state.shown.query);

/** Return whether the images on the screen answer another query than the form's. */
export const showsEarlier = () => isStale() && !state.busy && Boolean(state.shown.results?.hits.length);

/** The form's question, ready to be asked: captions of another question do not go along. */
export function question() {
  const query = copyQuery(state.draft);
  if (isStale()) query.captions = null;
  return query;
}
