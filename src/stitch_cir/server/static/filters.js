// The filter bar: what the attributes of a gallery offer to choose from, how many images each choice has, and what is chosen.

import * as api from "./api.js";
import { choiceOf, phraseOf, spell, titleOf } from "./conditions.js";
import { announce, byId, el, icon, plural, style } from "./dom.js";
import { attributeOf, conditionOf, filtersOf, toRequest } from "./query.js";
import { state } from "./state.js";
import { panel } from "./states.js";

const SHOWN = 6; // attributes beside each other; others stand below “More”
const LISTED = 8; // choices of an attribute before “Show all”
const BY_VALUE = new Set(["number", "date"]);

/**
 * Put the filters in order. `change(edit)` asks again with other filters, `clear()` without any.
 * Gives `show(query)`, and `nothingMeets(query)`: a panel for where no image meets them.
 */
export function mountFilters({ info, change, clear }) {
  const root = byId("filters");
  let facets = null; // what is suggested, by attribute, as counted last
  const offered = new Map(); // the same, as counted over the whole gallery
  let groupings = [];
  let counting = null;
  let counted = null; // the conditions that the counts are of
  const parts = new Map(); // the parts of the page of each attribute
  const everything = new Set(); // attributes whose choices are all shown

  const toggle = el("button", { type: "button", class: "quiet small", id: "filters-open", "aria-expanded": "false", "aria-controls": "facets", on: { click: () => fold(toggle.getAttribute("aria-expanded") === "true") } });
  const bar = el("div", { class: "facets", id: "facets" });
  const chips = el("ul", { class: "row chosen", "aria-label": "Filters in use" });
  const group = el("select", { id: "group", "aria-label": "Variants", on: { change: () => change((query) => (query.group = group.value)) } });
  const grouping = byId("grouping");
  const typed = el("textarea", { id: "where", rows: "2", spellcheck: "false", placeholder: "price < 50 and brand = 'Acme'", "aria-describedby": "where-hint where-wrong" });
  const wrong = el("p", { class: "wrong", id: "where-wrong", role: "alert", hidden: true });

  function fold(shut) {
    toggle.setAttribute("aria-expanded", String(!shut));
    bar.classList.toggle("open", !shut);
  }

  // -- what stands there ---------------------------------------------------------------------------

  function build() {
    const all = [...facets.values()];
    const beside = all.slice(0, SHOWN).map((facet) => facetPart(facet, "facet"));
    const below = all.slice(SHOWN).map((facet) => facetPart(facet, "inner"));
    const more = fly("facet last", el("span", { text: "More" }), el("div", { class: "choices wide" }, conditionForm(), below));
    bar.replaceChildren(...beside, more);
    root.replaceChildren(el("h3", { class: "sr", text: "Filters" }), toggle, bar, chips);
    grouping.replaceChildren(el("label", { class: "row" }, "Show", group));
    group.replaceChildren(el("option", { value: "", text: "every image" }), ...groupings.map((name) => el("option", { value: name, text: `one per ${titleOf(name).replace(/ id$/, "")}` })));
  }

  function fly(name, summary, body) {
    const node = el("details", { class: name, name: name === "inner" ? undefined : "facet" }, el("summary", {}, summary), body);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !node.open) return;
      node.open = false;
      node.querySelector("summary").focus();
      event.preventDefault();
      event.stopPropagation();
    });
    return node;
  }

  function facetPart(facet, name) {
    const count = el("span", { class: "count" });
    const list = el("ul", {});
    const rest = el("p", { class: "hint", hidden: true });
    const title = titleOf(facet.attribute);
    const node = fly(name, [el("span", { class: "title", text: title }), count], el("fieldset", { class: "choices" }, el("legend", { class: "sr", text: title }), list, rest));
    parts.set(facet.attribute, { count, list, rest });
    return node;
  }

  /** Count the images that meet a condition. */
  const countOf = async (where) => (await api.images({ offset: 0, limit: 1, q: "", where })).total;

  /** A condition of one's own: it is tried before anything else is asked with it. */
  function conditionForm() {
    const submit = async (event) => {
      event.preventDefault();
      const text = typed.value.trim();
      wrong.hidden = true;
      typed.removeAttribute("aria-invalid");
      try {
        if (text) await countOf(text);
      } catch (error) {
        if (!(error instanceof api.ApiError)) throw error;
        wrong.textContent = `${error.message} ${error.hint}`;
        wrong.hidden = false;
        typed.setAttribute("aria-invalid", "true");
        typed.focus();
        wrong.scrollIntoView({ block: "nearest" });
        return;
      }
      change((query) => (query.where = text));
    };
    typed.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    });
    const names = info.attributes.map(({ name }) => spell(name)).join(", ");
    return el(
      "form",
      { class: "condition", novalidate: true, on: { submit } },
      el("label", { for: "where", text: "A condition of your own" }),
      typed,
      wrong,
      el("p", { class: "hint", id: "where-hint", text: `Attributes: ${names}. Signs: = != < <= > >=, and, or, not, in (…), between … and …, contains, is missing, near(lat, lon, 10km).` }),
      el("button", { type: "submit", class: "quiet small", text: "Apply" }),
    );
  }

  // -- bringing it up to date ----------------------------------------------------------------------

  /** Show what is chosen at once, and count anew where that changes the counts. */
  async function show(query) {
    if (facets) draw(query);
    // with a cut-off what reaches it is counted
    const cut = !state.browsing && state.shown?.results?.cutoff ? toRequest(state.shown.query) : null;
    const key = JSON.stringify([filtersOf(query), state.info?.generation, cut]);
    if (key === counted) return;
    counted = key;
    counting?.abort();
    counting = new AbortController();
    bar.setAttribute("aria-busy", "true");
    try {
      await count(filtersOf(query), cut, counting.signal);
      bar.removeAttribute("aria-busy");
      draw(state.draft);
    } catch (error) {
      if (error.name === "AbortError") return;
      counted = null;
      bar.removeAttribute("aria-busy");
      if (!(error instanceof api.ApiError)) throw error;
      if (facets) draw(state.draft); // a condition that the gallery refuses is shown with its results
    }
  }

  /** Count by the gallery, or (`cut`: a request) by the hits above its cut-off. */
  async function count(query, cut, signal) {
    if (facets === null) {
      const answer = await api.facets({}, signal);
      facets = new Map(answer.facets.map((facet) => [facet.attribute, facet]));
      ({ groupings } = answer);
      for (const facet of answer.facets) offered.set(facet.attribute, facet);
      root.hidden = facets.size === 0;
      if (facets.size === 0) return;
      build();
      draw(state.draft);
    }
    if (facets.size === 0) return;
    const ticked = new Set(query.filters.map(attributeOf).filter((name) => facets.has(name)));
    const requests = (names) => names.map((name) => offered.get(name).request);
    // choices of one attribute are alternatives: they are counted as if none of them were ticked
    const others = [...facets.keys()].filter((name) => !ticked.has(name));
    const asks = [...ticked].map((name) => ({ where: conditionOf(query, name), requests: requests([name]) }));
    if (others.length > 0) asks.push({ where: conditionOf(query), requests: requests(others) });
    const counts = async ({ where, requests: names }) => {
      if (!cut) return api.facets({ where, requests: names }, signal);
      return (await api.search({ ...cut, facets: names, settings: { ...cut.settings, where: where || undefined, k: 1 } }, signal)).results;
    };
    for (const answer of await Promise.all(asks.map(counts))) {
      for (const facet of answer.facets) facets.set(facet.attribute, facet);
    }
  }

  function draw(query) {
    if (facets.size === 0) return;
    const chosen = query.filters.length + (query.where ? 1 : 0);
    toggle.replaceChildren("Filters", ...(chosen > 0 ? [el("span", { class: "number", text: String(chosen) })] : []));
    for (const facet of facets.values()) drawFacet(facet, query);
    if (document.activeElement !== typed || query.where) typed.value = query.where;
    group.value = groupings.includes(query.group) ? query.group : "";
    grouping.hidden = groupings.length === 0 || state.browsing;
    drawChips(query);
  }

  function drawFacet(facet, query) {
    const { count, list, rest } = parts.get(facet.attribute);
    const ticked = query.filters.filter((each) => attributeOf(each) === facet.attribute);
    count.textContent = ticked.length > 0 ? String(ticked.length) : "";
    count.closest("details").classList.toggle("in-use", ticked.length > 0);
    // what no image has among the others stays where it was, and says so
    const none = offered.get(facet.attribute).counts.filter(({ where }) => !facet.counts.some((each) => each.where === where));
    const choices = [...facet.counts, ...none.map((each) => ({ ...each, count: 0 }))].map((each) => ({ where: each.where, words: choiceOf(each), count: each.count, value: each.value }));
    if (BY_VALUE.has(facet.kind) && typeof choices[0]?.value === "number") choices.sort((a, b) => a.value - b.value);
    if (facet.missing > 0) choices.push({ where: `${spell(facet.attribute)} is missing`, words: "not stated", count: facet.missing });
    for (const where of ticked) if (!choices.some((each) => each.where === where)) choices.unshift({ where, words: phraseOf(where), count: 0 });
    const all = everything.has(facet.attribute);
    const shown = all ? choices : choices.filter((each, at) => at < LISTED || ticked.includes(each.where));
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.where : null;
    list.replaceChildren(...shown.map((choice) => choiceItem(choice, ticked.includes(choice.where))));
    if (shown.length < choices.length) list.append(el("li", {}, el("button", { type: "button", class: "quiet small", text: `Show all ${choices.length}`, on: { click: () => showAll(facet, query, shown.length) } })));
    if (focused !== null) [...list.querySelectorAll("input")].find((input) => input.dataset.where === focused)?.focus();
    const unlisted = facet.counts.length > 0 && typeof facet.counts[0].value !== "undefined" && facet.counts[0].value !== null ? facet.distinct - facet.counts.length : 0;
    rest.hidden = unlisted <= 0 || !(all || choices.length <= LISTED);
    rest.textContent = unlisted > 0 ? `${plural(unlisted, "rarer value")}: type a condition under “More”.` : "";
  }

  function showAll(facet, query, from) {
    everything.add(facet.attribute);
    drawFacet(facet, query);
    parts.get(facet.attribute).list.querySelectorAll("input")[from]?.focus();
  }

  function choiceItem({ where, words, count }, on) {
    const tick = el("input", { type: "checkbox", checked: on, disabled: count === 0 && !on, data: { where }, on: { change: () => pick(where, tick.checked) } });
    return el("li", {}, el("label", { class: count === 0 && !on ? "choice none" : "choice" }, tick, el("span", { class: "words", dir: "auto", text: words }), el("span", { class: "count", text: count.toLocaleString("en") })));
  }

  const pick = (where, on) => change((query) => (query.filters = [...query.filters.filter((each) => each !== where), ...(on ? [where] : [])]));

  const chosenOf = (query) => [
    ...query.filters.map((where) => ({ words: phraseOf(where), without: (other) => (other.filters = other.filters.filter((each) => each !== where)) })),
    ...(query.where ? [{ words: query.where, without: (other) => (other.where = "") }] : []),
  ];

  function drawChips(query) {
    const chosen = chosenOf(query);
    const had = chips.contains(document.activeElement);
    chips.hidden = chosen.length === 0;
    chips.replaceChildren(
      ...chosen.map(({ words, without }) =>
        el("li", {}, el("button", { type: "button", class: "chip", dir: "auto", title: words, "aria-label": `Remove the filter ${words}`, on: { click: () => change(without) } }, el("span", { class: "words", text: words }), icon("close", 15))),
      ),
      ...(chosen.length > 1 ? [el("li", {}, el("button", { type: "button", class: "quiet small", text: "Clear all", on: { click: clear } }))] : []),
    );
    if (had) (chips.querySelector("button") ?? bar.querySelector("summary")).focus();
  }

  /** Return a panel for where no image meets the filters: what each of them keeps away. */
  async function nothingMeets(query) {
    const chosen = chosenOf(query);
    const ways = await Promise.all(
      chosen.map(async ({ words, without }) => {
        const other = filtersOf(query);
        without(other);
        return { words, without, total: await countOf(conditionOf(other)).catch(() => 0) };
      }),
    );
    const best = Math.max(...ways.map(({ total }) => total));
    const left = await countOf(conditionOf(query)).catch(() => 0);
    announce("No image meets these filters.");
    return panel({
      sign: "cut",
      title: "No image meets these filters",
      text: left > 0 ? "Only the reference itself does, or an image that you rejected." : `None has all of these: ${chosen.map(({ words }) => words).join(" · ")}.`,
      hint: best > 0 ? "Take one of them away:" : "Take them away, or choose others.",
      actions: [
        ...ways.filter(({ total }) => total > 0).map(({ words, without, total }) => ({ label: `Without “${words}”: ${plural(total, "image")}`, act: () => change(without), main: total === best })),
        { label: "Clear all filters", act: clear, main: best === 0 },
      ],
    });
  }

  document.addEventListener("click", (event) => {
    if (event.composedPath().includes(bar)) return;
    for (const open of bar.querySelectorAll(".facet[open]")) if (getComputedStyle(open.lastElementChild).position === "absolute") open.open = false;
  });
  style("filters.css");
  return { show, nothingMeets };
}
