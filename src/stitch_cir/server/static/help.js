// Help: what can be done, every key, and a switch for those who do not want single keys.

import { byId, el, icon } from "./dom.js";

const KEYS = [
  ["Anywhere", [["/", "to the words"], ["g", "to the gallery"], ["f", "filter the gallery"], ["p", "to the pictures"], ["c", "to the captions"], ["?", "this help"], ["Esc", "cancel a search, close a window"]]],
  ["Among pictures", [["← → ↑ ↓", "move"], ["Home End", "first, last"], ["Enter", "choose, or say why"], ["u", "use as the new reference"], ["l", "less like this"]]],
  ["In an explanation", [["← →", "the hit before, the next"], ["1 2 3", "both directions, captions, views"], ["u l", "new reference, less like this"], ["Esc", "close"]]],
];
const STORE = "stitch-keys";

const wanted = () => {
  try {
    return localStorage.getItem(STORE) !== "off";
  } catch {
    return true;
  }
};

/** Put help and shortcuts in order; `acts` maps a key to what it does. */
export function mountHelp(acts) {
  const dialog = byId("help-dialog");
  const close = () => dialog.close();
  const open = () => {
    const keys = KEYS.map(([title, rows]) =>
      el("div", {}, el("h3", { text: title }), el("dl", {}, rows.map(([key, text]) => [el("dt", {}, key.split(" ").map((one) => el("kbd", { text: one }))), el("dd", { text })]))),
    );
    const single = el("input", {
      type: "checkbox",
      checked: wanted(),
      on: {
        change: () => {
          try {
            localStorage.setItem(STORE, single.checked ? "on" : "off");
          } catch {
            // not remembered then
          }
        },
      },
    });
    dialog.replaceChildren(
      el("header", { class: "why-head" }, el("h2", { id: "help-title", text: "How to search" }), el("button", { type: "button", class: "quiet icon", "aria-label": "Close", on: { click: close } }, icon("close"))),
      el("p", { text: "Choose, drop or paste a picture, or pick one from the gallery. Say what should change: “in red instead”, “two of them, at night”. Several captions of the wanted picture are written from that; edit them, weigh them, switch them off. Click a hit to see why it was found." }),
      el("p", { text: "The address of the page holds the whole question, so it can be kept and shared. An uploaded picture is no part of it: it stays in the server’s memory for a while and is never written to a disk." }),
      el("div", { class: "keys" }, keys),
      el("label", { class: "row" }, single, "Single-key shortcuts"),
    );
    dialog.showModal();
  };
  byId("help").addEventListener("click", open);
  dialog.addEventListener("click", (event) => event.target === dialog && close());
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog") && event.key !== "Escape") return;
    if (event.key !== "Escape" && !wanted()) return;
    const act = event.key === "?" ? open : acts[event.key];
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act();
  });
}

/** The switch between the system's colours, light and dark. */
export function mountTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const signs = { auto: "auto", light: "sun", dark: "moon" };
  const show = () => {
    const now = root.dataset.theme ?? "auto";
    button.replaceChildren(icon(signs[now], 19));
    button.setAttribute("aria-label", `Colours: ${names[now]}`);
    button.title = `Colours: ${names[now]}`;
  };
  button.addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const order = dark ? ["auto", "light", "dark"] : ["auto", "dark", "light"];
    const next = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % 3];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (next === "auto") localStorage.removeItem("stitch-theme");
      else localStorage.setItem("stitch-theme", next);
    } catch {
      // not remembered then
    }
    show();
  });
  show();
}
