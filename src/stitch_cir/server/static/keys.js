// Single keys, and the switch of colours.

import { byId, icon, toast } from "./dom.js";

const STORE = "stitch-keys";

/** Whether single keys do something; remembered where the browser remembers. */
export const singleKeys = {
  get: () => {
    try {
      return localStorage.getItem(STORE) !== "off";
    } catch {
      return true;
    }
  },
  set: (on) => {
    try {
      localStorage.setItem(STORE, on ? "on" : "off");
    } catch {
      // not remembered then
    }
  },
};

/** Put shortcuts in order; `acts` maps a key to what it does. `onOpen()` and `onClose()` are the help's. */
export function mountKeys(acts, { onOpen, onClose }) {
  const open = async () => {
    try {
      await (await import("./help.js")).openHelp(singleKeys, onClose);
      onOpen();
    } catch {
      toast("The help could not be loaded: the server does not answer.");
    }
  };
  byId("help").addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, dialog") && event.key !== "Escape") return;
    if (event.key !== "Escape" && !singleKeys.get()) return;
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
