// One line that says in plain words what is looked for.

import { byId, chip, el, icon } from "./dom.js";
import { MOST_AVOIDED } from "./query.js";
import { referenceName } from "./reference.js";

/** Show what results were looked for. `acts`: `object(name)` says what the reference shows, "" as it was recognised; `avoid(texts)` says what the images must not show. */
export function showLooking(results, query, acts) {
  const root = byId("looking");
  const { composition } = results;
  root.hidden = false;
  if (!composition && !query.captions) {
    root.replaceChildren(el("p", {}, lead("images like "), el("strong", { dir: "auto", text: query.ref ? referenceName(query.ref) : query.text.trim() })), ...avoided(query, acts));
    return;
  }
  const used = (query.captions ?? composition.captions).filter(({ on }) => on !== false);
  const [best] = used.toSorted((first, second) => second.weight - first.weight);
  const edited = query.captions !== null;
  const object = query.object || objectOf(composition);
  const alternatives = edited ? [] : (composition?.alternatives ?? []).filter((name) => name !== query.object);
  // the scorer "roles" heeds what the words forbid by itself; for the others it is an offer
  const heeded = results.settings.scorer === "roles";
  const forbidden = edited ? [] : (composition?.roles?.forbidden ?? []).map(({ text }) => text).filter((text) => !query.avoid.includes(text));
  root.replaceChildren(...[
    el("p", {}, lead(""), el("span", { class: "said", dir: "auto" }, emphasised(best.text, object)), edited ? el("span", { class: "hint", text: used.length > 1 ? ` and ${used.length - 1} more of your captions` : " (your caption)" }) : null),
    alternatives.length > 0 || query.object ? otherObjects(object, alternatives, query, acts) : null,
    ...forbidden.map((text) => (heeded ? el("span", { class: "not" }, "not ", el("span", { dir: "auto", text })) : offer(text, query, acts))),
    ...avoided(query, acts),
  ].filter(Boolean));
}

/** A phrase that the words forbid, and that one click has avoided. */
function offer(text, query, acts) {
  const act = () => acts.avoid([...query.avoid, text]);
  return el("button", { type: "button", class: "chip not", "aria-label": `Avoid ${text}`, on: { click: act } }, icon("plus", 14), "not ", el("span", { dir: "auto", text }));
}

/** What is avoided, as chips that take it back, and a way to avoid more. */
function avoided(query, acts) {
  const chips = query.avoid.map((text) => chip(text, `No longer avoid ${text}`, () => acts.avoid(query.avoid.filter((other) => other !== text)), "not ", el("span", { dir: "auto", text }), icon("close", 14)));
  for (const each of chips) each.classList.add("not");
  return query.avoid.length < MOST_AVOIDED ? [...chips, adding(query, acts)] : chips;
}

function adding(query, acts) {
  const field = el("input", { type: "text", maxlength: "200", placeholder: "stripes", "aria-label": "What the images must not show", dir: "auto" });
  const add = () => {
    const text = field.value.trim();
    if (text && !query.avoid.includes(text)) acts.avoid([...query.avoid, text]);
  };
  const form = el("span", { class: "row adding", hidden: true }, field, el("button", { type: "button", class: "quiet small", text: "Avoid", on: { click: add } }));
  const open = el("button", { type: "button", class: "chip", on: { click: show } }, icon("plus", 14), "not …");
  function show() {
    open.hidden = true;
    form.hidden = false;
    field.focus();
  }
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) add();
    else if (event.key === "Escape") {
      form.hidden = true;
      open.hidden = false;
      open.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return el("span", { class: "row" }, open, form);
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
