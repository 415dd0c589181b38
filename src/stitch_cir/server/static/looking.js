// One line that says in plain words what is looked for.

import { byId, el, icon } from "./dom.js";
import { referenceName } from "./reference.js";

/** Show what results were looked for. `acts`: `object(name)` says what the reference shows, "" as it was recognised. */
export function showLooking(results, query, acts) {
  const root = byId("looking");
  const { composition } = results;
  root.hidden = false;
  if (!composition && !query.captions) {
    root.replaceChildren(lead("images like "), el("strong", { dir: "auto", text: query.ref ? referenceName(query.ref) : query.text.trim() }));
    return;
  }
  const used = (query.captions ?? composition.captions).filter(({ on }) => on !== false);
  const [best] = used.toSorted((first, second) => second.weight - first.weight);
  const edited = query.captions !== null;
  const object = query.object || objectOf(composition);
  const alternatives = edited ? [] : (composition?.alternatives ?? []).filter((name) => name !== query.object);
  const forbidden = edited ? [] : (composition?.roles?.forbidden ?? []).map(({ text }) => text);
  root.replaceChildren(...[
    el("p", {}, lead(""), el("span", { class: "said", dir: "auto" }, emphasised(best.text, object)), edited ? el("span", { class: "hint", text: used.length > 1 ? ` and ${used.length - 1} more of your captions` : " (your caption)" }) : null),
    alternatives.length > 0 || query.object ? otherObjects(object, alternatives, query, acts) : null,
    ...forbidden.map((text) => el("span", { class: "not" }, "not ", el("span", { dir: "auto", text }))),
  ].filter(Boolean));
}

export function hideLooking() {
  byId("looking").hidden = true;
}

const lead = (text) => el("span", { class: "lead-in", text: `Looking for: ${text}` });

/** Return what the reference was taken for, without its article. */
const objectOf = (composition) => composition?.reference_captions?.[0]?.replace(/^(?:a|an|the|some)\s+/i, "").split(/\s+/).at(-1) ?? "";

/** A caption with the object in it set in bold, where it stands there. */
function emphasised(text, object) {
  const at = object ? text.toLowerCase().lastIndexOf(object.toLowerCase()) : -1;
  if (at < 0) return text;
  return [text.slice(0, at), el("strong", { text: text.slice(at, at + object.length) }), text.slice(at + object.length)];
}

/** A menu of what else the reference may show. */
function otherObjects(object, alternatives, query, acts) {
  const menu = el(
    "details",
    { class: "menu" },
    el("summary", { class: "chip", "aria-label": `Not a ${object}? Say what the reference shows` }, "Not right?", icon("down", 14)),
    el(
      "ul",
      {},
      query.object && el("li", {}, el("button", { type: "button", class: "quiet small", "aria-label": `No longer take it for: ${query.object}`, text: "As it was recognised", on: { click: () => acts.object("") } })),
      alternatives.map((name) => el("li", {}, el("button", { type: "button", class: "quiet small", "aria-label": `The reference shows: ${name}`, text: name, on: { click: () => acts.object(name) } }))),
    ),
  );
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
    event.stopPropagation();
  });
  return menu;
}
