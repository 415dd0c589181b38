// The end of a list that goes on: a button for the keyboard, and more by itself as one scrolls to it.

import { announce, el } from "./dom.js";

const AHEAD = 600; // px below the screen at which more is loaded

/**
 * Make the end of a list, to be put into the page at once. `load(byHand)` adds what comes next;
 * `byHand()` tells whether somebody pressed the button.
 * Gives the node, `update(shown, total)`, which counts what there is and hides it at the end,
 * `fail(error)`, and `goOn()`, which loads what comes next by itself.
 */
export function listEnd({ load }) {
  const text = el("span", { class: "hint" });
  const button = el("button", { type: "button", class: "quiet", id: "more", text: "Show more", on: { click: () => run(true) } });
  const node = el("div", { class: "row pager" }, button, text);
  let busy = null; // what is on its way
  let pressed = false;

  async function run(byHand) {
    pressed ||= byHand; // also while more is on its way by itself
    if (node.hidden) return;
    node.setAttribute("aria-busy", "true");
    busy ??= load(() => pressed).finally(() => {
      busy = null;
      pressed = false;
      node.removeAttribute("aria-busy");
    });
    await busy;
  }

  function update(shown, total) {
    node.hidden = shown >= total;
    text.textContent = `${shown.toLocaleString("en")} of ${total.toLocaleString("en")}`;
  }

  /** Say why no more came; the button asks again. */
  function fail({ message, hint }) {
    text.textContent = `${message} ${hint}`;
    announce(text.textContent);
  }

  window.addEventListener("scroll", function look() {
    if (!node.isConnected) window.removeEventListener("scroll", look);
    else if (node.getBoundingClientRect().top < window.innerHeight + AHEAD) run(false);
  }, { passive: true });
  return { node, update, fail, goOn: () => run(false) };
}
