// The target captions: read them, weigh them, switch them off, write others.

import { byId, el, icon } from "./dom.js";

/**
 * Put the editor in order. `onChange(captions)` gets the edited list, or null for "compose anew".
 */
export function mountCaptions({ onChange }) {
  const body = byId("captions-body");
  const count = byId("captions-count");
  let rows = [];

  function commit() {
    rows = rows.filter((one) => one.text.trim() !== "");
    onChange(rows.length > 0 ? rows.map((one) => ({ ...one, text: one.text.trim() })) : null);
  }

  function row(caption, number, stale) {
    const edit = (name, value) => {
      if (caption[name] === value) return;
      caption[name] = value;
      commit();
    };
    const on = el("input", {
      type: "checkbox",
      checked: caption.on,
      disabled: stale,
      "aria-label": `Use caption ${number}`,
      on: { change: (event) => edit("on", event.target.checked) },
    });
    const text = el("textarea", {
      rows: "1",
      value: caption.text,
      disabled: stale,
      "aria-label": `Caption ${number}`,
      on: {
        change: (event) => edit("text", event.target.value),
        keydown: (event) => {
          if (event.key !== "Enter" || event.isComposing) return;
          event.preventDefault();
          event.target.blur();
          event.target.focus();
        },
        input: (event) => fit(event.target),
      },
    });
    const weight = el("input", {
      type: "number",
      class: "weight",
      min: "0",
      max: "100",
      step: "0.1",
      value: String(Number(caption.weight.toFixed(3))),
      disabled: stale,
      "aria-label": `Weight of caption ${number}`,
      title: "Weight",
      on: {
        change: (event) => {
          const value = Number(event.target.value);
          if (event.target.value !== "" && value >= 0 && Number.isFinite(value)) edit("weight", value);
          else event.target.value = String(caption.weight);
        },
      },
    });
    return el("li", { class: caption.on ? "caption" : "caption off" }, on, text, weight);
  }

  /**
   * Show captions. `edited`: they are the user's own; `stale`: the question changed since they were
   * written; `note`: why there are none.
   */
  function show({ captions = [], edited = false, stale = false, note = "" }) {
    const focused = body.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    rows = captions.map(({ text, weight, on = true }) => ({ text, weight, on }));
    const used = rows.filter((one) => one.on).length;
    count.textContent = rows.length === 0 ? "" : used === rows.length ? String(used) : `${used} of ${rows.length}`;
    if (edited) count.textContent += " · edited";
    const head = el("p", { class: "row between hint", "aria-hidden": "true" }, el("span", { text: "on" }), el("span", { text: "weight" }));
    const list = el("ol", { class: "captions" }, rows.map((one, at) => row(one, at + 1, stale)));
    const add = () => {
      rows.push({ text: "", weight: 1, on: true });
      const added = row(rows.at(-1), rows.length, false);
      list.append(added);
      added.querySelector("textarea").focus();
    };
    const button = (label, sign, act) =>
      el("button", { type: "button", class: "quiet small", disabled: stale, on: { click: act } }, sign && icon(sign, 15), label);
    const hint = stale ? "Search to have captions written for the new question." : note;
    body.replaceChildren(
      ...[
        hint && el("p", { class: "hint said-why", text: hint }),
        rows.length > 0 && head,
        list,
        el(
          "div",
          { class: "row" },
          button("Add a caption", "plus", add),
          edited && button("Compose anew", null, () => onChange(null)),
        ),
      ].filter(Boolean),
    );
    for (const text of list.querySelectorAll("textarea")) fit(text);
    if (focused) body.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  // heights are known only once the panel is open
  byId("captions").addEventListener("toggle", () => body.querySelectorAll("textarea").forEach(fit));

  return { show };
}

function fit(text) {
  text.style.height = "auto";
  if (text.scrollHeight > 0) text.style.height = `${text.scrollHeight + 2}px`;
}
