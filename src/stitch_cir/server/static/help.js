// Help: what can be done, every key, and a switch for those who do not want single keys.

import { byId, el, icon, style } from "./dom.js";

const KEYS = [
  ["Anywhere", [["/", "to the words"], ["g", "to the gallery"], ["f", "filter the gallery"], ["p", "to the images"], ["c", "to the details"], ["z", "take the last change back"], ["?", "this help"], ["Esc", "cancel a search, close a window"]]],
  ["Among images", [["← → ↑ ↓", "move"], ["Home End", "first, last"], ["Enter", "choose, or open"], ["o", "view large"], ["u", "use as the new reference"], ["l", "less like this"]]],
  ["In an open image", [["← →", "the image before, the next"], ["w", "why it was found"], ["1 2 3", "both directions, captions, views"], ["u l", "new reference, less like this"], ["Esc", "close"]]],
];

/** Open the help; `singleKeys` reads and remembers whether single keys do something. */
export async function openHelp(singleKeys, onClose) {
  const dialog = byId("help-dialog");
  const close = () => dialog.close();
  dialog.onclose = onClose;
  dialog.onclick = (event) => void (event.target === dialog && close());
  const keys = KEYS.map(([title, rows]) =>
    el("div", {}, el("h3", { text: title }), el("dl", {}, rows.map(([key, text]) => [el("dt", {}, key.split(" ").map((name) => el("kbd", { text: name }))), el("dd", { text })]))),
  );
  const single = el("input", { type: "checkbox", checked: singleKeys.get(), on: { change: () => singleKeys.set(single.checked) } });
  dialog.replaceChildren(
    el("header", { class: "window-head" }, el("h2", { id: "help-title", text: "How to search" }), el("button", { type: "button", class: "quiet icon", "aria-label": "Close", on: { click: close } }, icon("close"))),
    el("p", { text: "Choose, drop or paste an image, or pick one from the gallery. Say what should change: “in red instead”, “two of them, at night”. Several captions of the image you look for are written from that; they stand in the details, where you can edit them, weigh them, switch them off. Click a hit to see it large, and why it was found." }),
    el("p", { text: "The address of the page holds the whole question, so it can be kept and shared. An uploaded image is no part of it: it stays in the server’s memory for a while and is never written to a disk." }),
    el("div", { class: "keys" }, keys),
    el("p", {}, el("a", { href: new URL("../docs", import.meta.url).href, text: "The API of this server" })),
    el("label", { class: "row" }, single, "Single-key shortcuts"),
  );
  await style("dialog.css");
  if (!dialog.open) dialog.showModal();
}
