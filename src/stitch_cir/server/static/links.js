// What a link may lack: parts that make no sense, an upload, a caption that is switched on.

import { announce, byId } from "./dom.js";
import { declaredSettings, isSearchable, lacksUpload, referencesOf } from "./query.js";

/** Show what of a link could not be read. */
export function warn(lost) {
  const root = byId("warning");
  const titles = declaredSettings().filter(({ symbol }) => symbol === "" || symbol === "K");
  const names = Object.fromEntries(titles.map(({ name, title }) => [name, title.toLowerCase().replace(/[“”]/g, "")]));
  const parts = lost.map(([name, text]) => `${names[name] ?? name.replaceAll("_", " ")} “${text.slice(0, 40)}”`);
  root.hidden = false;
  root.textContent = `Part of this link makes no sense and was left out: ${parts.join(", ")}. Everything else is as the link says.`;
  announce(root.textContent);
}

/** Return what to say of a link that cannot be answered, with what else is in place: `{why, draft}`. */
export function lacking(query, acts) {
  return lacksUpload(query) ? lackingUpload(query, acts) : lackingCaptions(query, acts);
}

/** A link names an upload that this browser does not have. */
function lackingUpload(query, { browse }) {
  const [ref = null, ...more] = referencesOf(query).filter(({ upload }) => upload !== null);
  const why = {
    title: "The image of this link is not here",
    text: "It was uploaded, and uploads are not part of a link.",
    hint: "Choose or drop the image again; words and settings are in place.",
    actions: [{ label: "Choose an image", act: () => byId("file").click(), main: true }, { label: "To the gallery", act: browse }],
  };
  return { why, draft: { ...query, ref, more } };
}

/** A link switches every caption off: there is nothing to search with, and nothing to fall back on. */
function lackingCaptions(query, { tune }) {
  const on = () => tune("edit", (other) => (other.captions = other.captions.map((caption) => ({ ...caption, on: true }))));
  const anew = isSearchable({ ...query, captions: null }) && { label: "Compose anew", act: () => tune("anew", (other) => (other.captions = null)) };
  const why = { title: "All captions are switched off", text: "Nothing is left to search with.", actions: [{ label: "Switch them on", act: on, main: true }, anew] };
  return { why, draft: query };
}
