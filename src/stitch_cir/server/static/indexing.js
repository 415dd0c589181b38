// A gallery that is being indexed: how far it is, while searches are answered from what there is.

import * as api from "./api.js";
import { byId, el, plural, style, toast } from "./dom.js";

const EVERY = 2000; // ms

/**
 * Watch a gallery until it is complete; `onChange(info)` hears what it has become. Gives
 * `isGrowing()`, whether images were added since.
 */
export function watchIndexing(info, onChange) {
  const root = byId("indexing");
  const bar = el("progress", { max: "1", "aria-label": "Indexing" });
  const text = el("span");
  let before = info.images;
  let isGrowing = false;
  root.replaceChildren(bar, text);
  style("start.css");

  async function look() {
    const now = document.hidden ? null : await api.about().catch(() => null);
    if (now) {
      isGrowing ||= now.images !== before;
      if (now.images !== before || now.complete) onChange(now);
      before = now.images;
      show(now);
      if (now.complete !== false) return;
    }
    setTimeout(look, EVERY);
  }

  function show({ images, waiting, complete }) {
    root.hidden = complete !== false || !isGrowing;
    if (complete !== false && isGrowing) toast(`Indexing is finished: ${plural(images, "image")}.`);
    if (root.hidden) return;
    const all = images + (waiting ?? 0);
    if (waiting === null) bar.removeAttribute("value");
    else bar.value = images / (all || 1);
    text.textContent = waiting === null ? `Being indexed: ${plural(images, "image")} so far. Searches answer from these.` : `Being indexed: ${images.toLocaleString("en")} of about ${plural(all, "image")}. Searches answer from these.`;
  }

  setTimeout(look, EVERY);
  return { isGrowing: () => isGrowing };
}
