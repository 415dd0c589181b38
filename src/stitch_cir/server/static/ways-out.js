// What can be done on the page when a search was refused or found nothing; loaded with the first.

import { isFiltered, referencesOf } from "./query.js";
import { state } from "./state.js";
import { panel } from "./states.js";

/** Words for an image that a link or an older page names and the gallery does not have. */
export const absent = (id, hint) => ({ text: `This gallery has no image “${id}” any more, or never had: it may have been renamed or removed.`, hint });

/** Return in the page's words why a query was refused: `{title, text, hint, actions}`, where they are known. */
export function waysOut(error, query, acts) {
  if (error.status === 503) return error.type === "ClusterError" ? aroundShards(error, query, acts) : { actions: [] };
  const gone = error.status !== 422;
  const rejected = gone && query.less.find((id) => error.message.includes(id));
  const words = query.text.trim() !== "" && { label: "Search with the words alone", act: acts.words };
  if (rejected) {
    const actions = [{ label: "Search without “less like”", act: acts.forgive, main: true }];
    return { title: "A rejected image is not here", ...absent(rejected, "Search without it."), actions };
  }
  const all = gone ? referencesOf(query) : [];
  const missing = all.find(({ id }) => id !== undefined && error.message.includes(id)) ?? all.find(({ id }) => id === undefined) ?? all[0];
  if (missing?.id !== undefined) {
    const hint = words ? "Choose another image, or search with the words alone." : "Choose another image.";
    const actions = [{ label: "Choose another image", act: acts.forget, main: true }, words];
    return { title: "The reference is not here", ...absent(missing.id, hint), actions };
  }
  if (missing?.kept) {
    const actions = [{ label: "Choose an image", act: acts.choose, main: true }, words];
    return { title: "The image of this link was removed", text: "It was kept with the gallery for this link, and is no longer.", hint: "Choose another one; words and settings are in place.", actions };
  }
  if (missing) {
    return {
      title: "Your image is no longer here",
      text: "An uploaded image is kept in the server’s memory only: for an hour at most, and until the server is started again.",
      hint: "Choose it again; words and settings are in place.",
      actions: [{ label: "Choose an image", act: acts.choose, main: true }, words],
    };
  }
  if (query.avoid.length > 0 && error.type === "QueryError" && /avoided/.test(error.message)) {
    return { title: "What is avoided is asked for, too", actions: [{ label: "Search without avoiding it", act: () => acts.avoid([]), main: true }] };
  }
  if (!gone && error.type === "QueryError" && (isFiltered(query) || query.group) && /condition|attribute|group/.test(error.message)) {
    return { title: "The filters cannot be used", actions: [{ label: "Search without them", act: acts.unfilter, main: true }] };
  }
  const changed = !gone && Object.values(query.settings).some((value) => value !== null);
  return { actions: [changed && { label: "Search with the standard settings", act: acts.standard, main: true }] };
}

/** Return what can be done while a shard of a gallery in a cluster does not answer. */
function aroundShards(error, query, acts) {
  if (/cannot be said/.test(error.message)) {
    const rejected = query.less.some((id) => error.message.includes(id)) && { label: "Search without “less like”", act: acts.forgive };
    const words = query.text.trim() !== "" && { label: "Search with the words alone", act: acts.words };
    return { title: "An image of this search may be in the part that is missing", hint: "Try again in a moment, or search without it.", actions: [rejected || words] };
  }
  if (!/does not answer/.test(error.message)) return { actions: [] };
  const again = "As a rule it starts again by itself: try again in a moment";
  if (query.settings.partial) return { title: "No part of the gallery answers", hint: `${again}.`, actions: [] };
  const actions = [{ label: "Search without what is missing", act: acts.partially }];
  return { title: "A part of the gallery does not answer", hint: `${again}, or search without it.`, actions };
}

/** Return the panel for results without a hit. */
export function nothingPanel(query, acts) {
  const least = query.settings.min_score ?? null;
  if (least === null) {
    return panel({ title: "Nothing came up", text: "No image is left to rank.", actions: [{ label: "To the gallery", act: acts.browse }] });
  }
  return panel({
    title: "Nothing is that near",
    text: `No image scored ${least} or more.`,
    hint: "Scores lie between −2 and 2; how high they climb depends on the encoder.",
    actions: [{ label: "Take the limit away", act: acts.lower, main: true }],
  });
}

/** Return the panel for a gallery without images, or without one whose name or caption holds `words`. */
export function emptied(words, { clear, load }) {
  const isNarrowed = isFiltered(state.draft);
  if (words) {
    return panel({
      title: "Nothing matches",
      text: `No name and no caption holds “${words}”${isNarrowed ? " among the images that meet the filters" : ""}.`,
      hint: "To search by meaning, write it into the search box instead.",
      actions: [{ label: isNarrowed ? "Clear the name" : "Show everything", act: clear, main: true }],
    });
  }
  return panel({
    title: "This gallery is empty",
    text: "There is nothing to search in yet.",
    hint: "Put images into its folder and run: stitch index FOLDER",
    actions: [{ label: "Look again", act: () => load(), main: true }],
  });
}
