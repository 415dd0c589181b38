// Everything that changes a ranking and is chosen here; what is not chosen is the server's own.

import { byId, el } from "./dom.js";
import { SCORERS } from "./facts.js";
import { HITS, canBe, changedCount, declaredSettings } from "./query.js";

const MOST_K = 12;
/** Put the settings in order for a gallery. `onChange(name, value)`; null means the default. */
export function mountSettings(info, { onChange, onReset }) {
  const { limits } = info;
  const defaults = Object.fromEntries(declaredSettings().map(({ name, default: value }) => [name, value]));
  const fields = new Map();

  function slider(name, label, hint, { min, max, step, digits }) {
    const output = el("output", { for: `set-${name}` });
    const input = el("input", { type: "range", id: `set-${name}`, min, max, step, "aria-describedby": `hint-${name}` });
    const say = () => {
      output.textContent = Number(input.value).toFixed(digits);
      input.style.setProperty("--part", String((input.value - min) / (max - min)));
    };
    input.addEventListener("input", say);
    input.addEventListener("change", () => change(name, Number(input.value)));
    const under = el("p", { class: "hint", id: `hint-${name}`, text: hint });
    fields.set(name, (value, query) => {
      input.value = String(value ?? defaults[name]);
      input.disabled = name === "num_captions" && query.captions !== null;
      under.textContent = input.disabled ? "Your own captions are used." : hint;
      say();
    });
    return el(
      "div",
      { class: "field" },
      el("div", { class: "row between" }, el("label", { for: input.id, text: label }), output),
      input,
      under,
    );
  }

  function choice(name, label, options, names = {}) {
    const shown = options.map((value) => el("option", { value, text: names[value] ?? value.replaceAll("-", " ") }));
    const select = el("select", { id: `set-${name}`, on: { change: () => change(name, select.value) } }, shown);
    fields.set(name, (value) => {
      select.value = value ?? defaults[name];
    });
    return el("div", { class: "field pair" }, el("label", { for: select.id, text: label }), select);
  }

  function number(name, label, { fallback, ...limitsOf }) {
    const input = el("input", {
      type: "number",
      id: `set-${name}`,
      placeholder: fallback === null ? "none" : String(fallback),
      step: "any",
      ...limitsOf,
      on: { change: () => take() },
    });
    const wrong = el("p", { class: "hint wrong", role: "alert", hidden: true });
    const take = () => {
      const value = Number(input.value);
      wrong.hidden = input.validity.valid && (input.value === "" || name === "hits" || canBe(name, value));
      wrong.textContent = wrong.hidden ? "" : `${input.validationMessage || "This value is not possible."} The last search stands.`;
      input.setAttribute("aria-invalid", String(!wrong.hidden));
      if (wrong.hidden) change(name, input.value === "" ? null : value);
    };
    fields.set(name, (value) => {
      if (document.activeElement === input && !wrong.hidden) return;
      input.value = value === null || value === undefined ? "" : String(value);
      wrong.hidden = true;
      input.removeAttribute("aria-invalid");
    });
    return el("div", { class: "field pair" }, el("label", { for: input.id, text: label }), input, wrong);
  }

  function change(name, value) {
    onChange(name, value === defaults[name] ? null : value);
  }

  function flag(name, label) {
    const input = el("input", { type: "checkbox", id: `set-${name}`, on: { change: () => change(name, input.checked) } });
    fields.set(name, (value) => {
      input.checked = Boolean(value ?? defaults[name]);
    });
    return el("div", { class: "field pair" }, el("label", { for: input.id, text: label }), input);
  }

  function words(name, label) {
    const input = el("input", { type: "text", id: `set-${name}`, maxlength: "200", on: { change: () => change(name, input.value.trim() || null) } });
    fields.set(name, (value) => {
      if (document.activeElement !== input) input.value = value ?? defaults[name] ?? "";
    });
    return el("div", { class: "field pair" }, el("label", { for: input.id, text: label }), input);
  }

  /** Where the cut-off lies: how many random requests may score as high. */
  function cut() {
    const names = { "": "none", 0.05: "loose: 1 in 20", 0.01: "standard: 1 in 100", 0.001: "strict: 1 in 1,000" };
    const select = el("select", { id: "set-strictness", "aria-describedby": "hint-strictness", on: { change: () => change("strictness", select.value === "" ? null : Number(select.value)) } });
    fields.set("strictness", (value) => {
      const other = value && !(value in names) ? { [value]: `1 in ${Math.round(1 / value).toLocaleString("en")}` } : {};
      const all = Object.entries({ ...names, ...other }).sort(([a], [b]) => (a === "" ? -1 : b === "" ? 1 : b - a));
      select.replaceChildren(...all.map(([key, text]) => el("option", { value: key, text })));
      select.value = value ? String(value) : "";
    });
    const hint = el("p", { class: "hint", id: "hint-strictness", text: "A line marks where images fit no better than by chance: so many random requests score as high." });
    return el("div", { class: "field" }, el("div", { class: "pair" }, el("label", { for: select.id, text: "Cut-off" }), select), hint);
  }

  /** Make the control of a declared setting. */
  function control({ name, kind, title, symbol, used_by: users, minimum, maximum, choices }) {
    const label = `${title}${symbol && ` (${symbol})`}${users.length > 0 ? `, for ${users.join(", ")}` : ""}`;
    if (kind === "name" && choices.length === 0) return words(name, label);
    if (kind === "name") return choice(name, label, choices, name === "scorer" ? SCORERS : {});
    if (kind === "flag") return flag(name, label);
    const steps = kind === "whole" ? { step: "1" } : {};
    return number(name, label, { fallback: defaults[name], ...(minimum === null ? {} : { min: String(minimum) }), ...(maximum === null ? {} : { max: String(maximum) }), ...steps });
  }

  const explained = (field, help) => {
    field.title = help;
    return field;
  };

  const k = Math.min(MOST_K, limits.captions);
  const apart = new Set(["alpha", "num_captions", "strictness"]);
  byId("settings-body").replaceChildren(
    slider("alpha", "Weight of your words (α)", "0 trusts the captions alone, 1 your words alone.", { min: 0, max: 1, step: 0.05, digits: 2 }),
    slider("num_captions", "Number of captions (K)", "More captions see more ways to understand you.", { min: 1, max: k, step: 1, digits: 0 }),
    ...(defaults.strictness === undefined ? [] : [cut()]),
    el(
      "details",
      { class: "advanced" },
      el("summary", { text: "Advanced" }),
      declaredSettings().filter(({ name }) => !apart.has(name)).map((setting) => explained(control(setting), setting.help)),
      number("hits", "Hits", { fallback: HITS, min: "1", max: String(limits.k), step: "1" }),
    ),
    el("button", { type: "button", class: "quiet small", id: "reset", text: "Back to the standard settings", on: { click: onReset } }),
  );

  /** Show the settings of a query. */
  function show(query) {
    for (const [name, put] of fields) put(name === "hits" ? (query.hits === HITS ? null : query.hits) : query.settings[name], query);
    byId("reset").hidden = changedCount(query) === 0;
  }

  return { show };
}
