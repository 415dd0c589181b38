// The reference: choose an image, look at it, take it away. dropping.js is for those that are dropped or pasted.

import { imageUrl, uploadUrl } from "./api.js";
import { byId, el, icon, shortName } from "./dom.js";

const previews = new Map();

/** Keep the local file of an upload, to show it and to send it again when the server forgot it. */
export function remember(token, file) {
  if (!previews.has(token)) previews.set(token, { file, url: URL.createObjectURL(file) });
}

export const fileOf = (token) => previews.get(token)?.file ?? null;

/** Where a reference can be looked at: the browser's copy first, the server's for what it cannot draw (HEIC). */
export function referenceUrls(ref, side = 640) {
  if (ref.id !== undefined) return [imageUrl(ref.id, side)];
  return [previews.get(ref.upload)?.url, uploadUrl(ref.upload)].filter(Boolean);
}

export const referenceName = (ref) => (ref.id !== undefined ? ref.id : ref.name || "your image");

/** Set up the control of the reference. Calls `onFile(file)` and `onClear()`. */
export function mountReference({ onFile, onClear }) {
  const root = byId("reference");
  const input = byId("file");
  input.addEventListener("change", () => {
    if (input.files[0]) onFile(input.files[0]);
    input.value = ""; // the same file again is a choice, too
  });
  const choose = () => input.click();

  /** Show a reference, an empty control, or (`busy`) a file on its way. */
  function show(ref, { busy = null } = {}) {
    root.classList.toggle("filled", Boolean(ref || busy));
    root.toggleAttribute("aria-busy", Boolean(busy));
    if (busy) {
      root.replaceChildren(frame([busy.url], "Uploading", ""), el("p", { class: "under", text: "Uploading …" }));
    } else if (ref) {
      root.replaceChildren(frame(referenceUrls(ref), `Reference: ${referenceName(ref)}`), under(ref));
    } else {
      root.replaceChildren(
        el(
          "button",
          { type: "button", class: "choose", id: "choose", on: { click: choose } },
          icon("image", 30),
          el("span", { class: "big", text: "Choose an image" }),
          el("span", { class: "hint wide", text: "drop or paste one, or pick one from the gallery" }),
        ),
      );
    }
  }

  function under(ref) {
    return el(
      "p",
      { class: "under" },
      el("span", { class: "name", dir: "auto", title: referenceName(ref), text: shortName(referenceName(ref)) }),
      el("button", { type: "button", class: "act", "aria-label": "Choose another image", title: "Choose another image", on: { click: choose } }, icon("swap", 17)),
      el("button", { type: "button", class: "act", id: "clear", "aria-label": "Take the reference away", title: "Take the reference away", on: { click: onClear } }, icon("close", 17)),
    );
  }

  return { show };
}

function frame([first, ...others], alt, missing = "no image") {
  const image = el("img", { src: first, alt });
  image.addEventListener("error", () => {
    if (others.length > 0) image.src = others.shift();
    else image.replaceWith(el("span", { class: "broken" }, icon("image"), missing));
  });
  return el("div", { class: "frame" }, image);
}
