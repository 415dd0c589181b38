// How large the images of a list are; remembered where the browser remembers.

import { byId, el } from "./dom.js";

const STORE = "stitch-density";
const ZOOMS = [0.55, 0.75, 1, 1.5, 2.2];
const STANDARD = 2;

/** Put the control of the images' size in order. */
export function mountDensity() {
  const input = el("input", { type: "range", id: "image-size", min: "0", max: String(ZOOMS.length - 1), step: "1", "aria-label": "Size of the images", title: "Size of the images" });
  const put = () => {
    document.documentElement.style.setProperty("--zoom", String(ZOOMS[input.value]));
    input.style.setProperty("--part", String(input.value / (ZOOMS.length - 1)));
    input.setAttribute("aria-valuetext", ["smallest", "small", "medium", "large", "largest"][input.value]);
  };
  let stored = null;
  try {
    stored = localStorage.getItem(STORE);
  } catch {
    // not remembered then
  }
  input.value = stored !== null && ZOOMS[stored] ? stored : String(STANDARD);
  input.addEventListener("input", () => {
    put();
    try {
      if (Number(input.value) === STANDARD) localStorage.removeItem(STORE);
      else localStorage.setItem(STORE, input.value);
    } catch {
      // not remembered then
    }
  });
  put();
  byId("density").replaceChildren(input);
}
