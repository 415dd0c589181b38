// The target captions: read them, weigh them, switch them off, write others.

import { byId, el, icon } from "./dom.js";

/**
 * Put the editor in order. `onChange(captions)` gets the edited list, or null for "compose anew".
 * What is being typed in is never replaced: an answer may arrive at any moment.
 */
export function mountCaptions({ onChange }) {
  const count = byId("captions-count");
  const list = el("ol", { class: "captions" });
  const why = el("p", { class: "hint said-why" });
  const head = el("p", { class: "row between hint", "aria-hidden": "true" }, el("span", { text: "on" }), el("span", { text: "weight" }));
  const add = el("button", { type: "button", class: "quiet small", on: { click: () => append({ text: "", weight: 1, on: true }, true) } }, icon("plus", 15), "Add a caption");
  const anew = el("button", { type: "button", class: "quiet small", text: "Compose anew", on: { click: renew } });
  byId("captions-body").replaceChildren(why, head, list, el("div", { class: "row" }, add, anew));
  // heights are known only once the panel is open
  byId("details").addEventListener("toggle", () => rows.forEach(({ text }) => fit(text)));

  /** One row: its caption as last shown or committed, and its three fields. */
  let rows = [];

  function renew() {
    byId("details").querySelector("summary").focus(); // the button goes away
    onChange(null);
  }

  function commit() {
    const kept = rows.map(({ caption }) => ({ ...caption, text: caption.text.trim() })).filter(({ text }) => text !== "");
    onChange(kept.length > 0 ? kept : null);
  }

  function append(caption, focus = false) {
    const number = rows.length + 1;
    const edit = (name, value) => {
      if (row.node.isConnected && caption[name] !== value) {
        caption[name] = value;
        commit();
      }
    };
    const write = () => edit("text", row.text.value);
    const weigh = () => {
      const value = Number(row.weight.value);
      if (row.weight.value !== "" && value >= 0 && Number.isFinite(value)) edit("weight", value);
      else row.weight.value = String(caption.weight);
    };
    const enter = (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      write();
    };
    const row = {
      caption,
      on: el("input", { type: "checkbox", "aria-label": `Use caption ${number}`, on: { change: () => edit("on", row.on.checked) } }),
      text: el("textarea", { rows: "1", dir: "auto", "aria-label": `Caption ${number}`, on: { change: write, blur: write, keydown: enter, input: () => fit(row.text) } }),
      weight: el("input", {
        type: "number",
        class: "weight",
        min: "0",
        max: "100",
        step: "0.1",
        "aria-label": `Weight of caption ${number}`,
        title: "Weight",
        on: { change: weigh, blur: weigh },
      }),
    };
    row.node = el("li", {}, el("label", { class: "tick" }, row.on), row.text, row.weight);
    rows.push(row);
    list.append(row.node);
    put(row, caption, false);
    if (focus) row.text.focus();
  }

  /** Bring a row up to date, except for the field the user is in. */
  function put(row, { text, weight, on }, stale) {
    Object.assign(row.caption, { text, weight, on });
    const here = document.activeElement;
    row.node.className = on ? "caption" : "caption off";
    row.on.checked = on;
    if (here !== row.text || stale) row.text.value = text;
    if (here !== row.weight || stale) row.weight.value = String(weight);
    for (const field of [row.on, row.text, row.weight]) field.disabled = stale;
    fit(row.text);
  }

  /**
   * Show captions. `edited`: the user changed them; `stale`: the query changed since they were
   * written; `note`: why there are none.
   */
  function show({ captions = [], edited = false, stale = false, note = "" }) {
    const current = captions.map(({ text, weight, on = true }) => ({ text, weight: Number(weight.toFixed(3)), on }));
    for (const [at, caption] of current.entries()) {
      if (rows[at]) put(rows[at], caption, stale);
      else {
        append(caption);
        put(rows[at], caption, stale);
      }
    }
    // a row that is being added is not part of the query yet
    const typed = rows.slice(current.length).find(({ text }) => text === document.activeElement && !stale);
    for (const row of rows.slice(current.length)) if (row !== typed) row.node.remove();
    rows = [...rows.slice(0, current.length), ...(typed ? [typed] : [])];
    const used = current.filter((caption) => caption.on).length;
    count.textContent = current.length === 0 ? "" : used === current.length ? String(used) : `${used} of ${current.length}`;
    if (edited) count.textContent += " · edited";
    why.textContent = stale ? "Search to have captions written for the new question." : note;
    why.hidden = why.textContent === "";
    head.hidden = rows.length === 0;
    anew.hidden = !edited;
    add.disabled = stale;
    anew.disabled = stale;
  }

  return { show };
}

function fit(text) {
  text.style.height = "auto";
  if (text.scrollHeight > 0) text.style.height = `${text.scrollHeight + 2}px`;
}
