// Keeping an upload with the gallery, so that a link to its search works, and removing it again.

import * as api from "./api.js";
import { announce, byId, el, toast } from "./dom.js";
import { referencesOf, toFragment } from "./query.js";
import { uploadOf } from "./state.js";

const STORE = "stitch-kept";

const WORDS = {
  single: "Your image is in the server’s memory only, for an hour. Shall the gallery keep it, so that the link works for others? Whoever has the link can see it. You can remove it again under Details.",
  several: "Your images are in the server’s memory only, for an hour. Shall the gallery keep them, so that the link works for others? Whoever has the link can see them. You can remove them again under Details.",
};

/** Return the uploads of a query that no link can name yet. */
const passing = (query) => referencesOf(query).filter(({ id, kept }) => id === undefined && !kept);

/** What this browser had kept: [{token, id, name, at}], newest last. */
function stored() {
  try {
    const read = JSON.parse(localStorage.getItem(STORE) ?? "[]");
    return Array.isArray(read) ? read.filter(({ token, id }) => typeof token === "string" && typeof id === "string") : [];
  } catch {
    return [];
  }
}

/** Store the list; return whether the browser does that. */
function store(list) {
  try {
    localStorage.setItem(STORE, JSON.stringify(list));
    return true;
  } catch {
    return false;
  }
}

/** Ask whether the uploads of a question are to be kept for its link; `copy(alone)` copies the address. */
export function offerKeeping({ query, copy, address }) {
  const root = byId("keeping") ?? el("div", { class: "keeping", id: "keeping", role: "group", "aria-labelledby": "keeping-title" });
  const close = () => {
    root.remove();
    byId("share")?.focus();
  };
  const uploads = passing(query);
  const several = uploads.length > 1;
  const keep = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      let isListed = true;
      for (const ref of uploads) {
        if (ref.kept) continue; // kept before a later one failed
        const { id, kept_at: at } = await api.keepUpload(ref.upload);
        isListed &&= store([...stored().filter((each) => each.id !== id), { token: ref.upload, id, name: ref.name, at }]);
        ref.kept = id;
      }
      history.replaceState({ ...history.state, upload: uploadOf(query), more: query.more }, "", address(toFragment(query)));
      close();
      await copy(false);
      showKept();
      if (!isListed) toast(`The ${several ? "images are" : "image is"} kept. This browser stores nothing, so only whoever runs the server can remove ${several ? "them" : "it"}.`);
    } catch (error) {
      if (!(error instanceof api.ApiError)) throw error;
      toast(`${error.message} ${error.hint}`);
      button.disabled = false;
    }
  };
  const without = async () => {
    close();
    await copy(true);
  };
  root.replaceChildren(
    el("p", { id: "keeping-title", text: WORDS[several ? "several" : "single"] }),
    el(
      "div",
      { class: "row" },
      el("button", { type: "button", class: "primary", text: `Keep the ${several ? "images" : "image"} and copy the link`, on: { click: keep } }),
      el("button", { type: "button", class: "quiet", text: `Copy the link without ${several ? "them" : "it"}`, on: { click: without } }),
      el("button", { type: "button", class: "quiet", text: "Cancel", on: { click: close } }),
    ),
  );
  byId("asked").before(root);
  root.querySelector("button").focus();
}

/** List under the details what this browser had kept, each with a button that removes it. */
export function showKept() {
  const list = stored();
  byId("kept")?.remove();
  if (list.length === 0) return;
  const item = (each) =>
    el(
      "li",
      { class: "row" },
      el("img", { src: api.uploadUrl(each.id), alt: "", width: "44", height: "44", loading: "lazy" }),
      el("span", { class: "name", dir: "auto", text: each.name || "an image" }),
      el("span", { class: "hint", text: each.at.slice(0, 10) }),
      el("button", { type: "button", class: "quiet small", text: "Remove", "aria-label": `Remove ${each.name || "the image"} from the gallery’s kept images`, on: { click: () => remove(each) } }),
    );
  byId("details-body").append(
    el("section", { id: "kept", "aria-labelledby": "kept-title" }, el("h3", { id: "kept-title", text: "Images kept for your links" }), el("ul", { class: "kept" }, list.map(item))),
  );
}

async function remove({ token, id, name }) {
  try {
    await api.removeUpload(token);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (error.status !== 404) {
      toast(`${error.message} ${error.hint}`);
      return;
    }
  }
  store(stored().filter((each) => each.id !== id));
  showKept();
  announce(`${name || "The image"} is no longer kept: links to it do not work any more.`);
  (byId("kept")?.querySelector("button") ?? byId("details").querySelector("summary")).focus();
}
