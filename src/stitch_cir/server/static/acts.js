// What can be done with results and instead of them: going on from a hit, and the ways out of a fault.

import * as api from "./api.js";
import { byId, toast } from "./dom.js";
import { noSettings } from "./query.js";
import { state } from "./state.js";

/** Return what gives the actions on the results of a query, made of what the page can do. */
export function mountActs({ form, tune, use, less, browse, unfilter, filterBar, openImage, withUpload, runner }) {
  /** Return the other images of a hit's group, best first. */
  async function variants({ id, attributes }) {
    const { query } = state.shown;
    const { others } = await import("./variants.js");
    try {
      return await withUpload((ask) => others(ask, query, id, attributes));
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      toast(`${error.message} ${error.hint}`);
      return [];
    }
  }

  return (query) => ({
    pick: (item) => openImage(item),
    use: ({ id }) => use(id),
    less: ({ id }) => less(id),
    more: (byHand) => runner().extend(byHand),
    remember: (count) => history.replaceState({ ...history.state, count }, ""),
    variants,
    avoid: (texts) => tune("avoid", (draft) => (draft.avoid = texts)),
    object: (name) => tune("object", (draft) => Object.assign(draft, { object: name, captions: null })),
    unfilter,
    nothingMeets: async () => (await filterBar())?.nothingMeets(query),
    loosen: () => tune("tune", (draft) => (draft.settings.strictness = null)),
    lower: () => tune("tune", (draft) => (draft.settings.min_score = null)),
    retry: () => runner().run(query),
    browse,
    partially: () => tune("tune", (draft) => (draft.settings.partial = true)),
    choose: () => byId("file").click(),
    standard: () => tune("tune", (draft) => (draft.settings = noSettings())),
    words: () => tune("search", (draft) => Object.assign(draft, { ref: null, more: [], captions: null, object: "" })),
    forgive: () => tune("less", (draft) => (draft.less = [])),
    forget: () => {
      browse();
      form.setReference(null);
    },
  });
}
