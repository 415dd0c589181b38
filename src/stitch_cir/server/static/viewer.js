// The window with one image, large: its facts and what can be done with it, and a tab that says why it was found.

import * as api from "./api.js";
import { announce, byId, download, el, icon, plural, shortName, style, toast } from "./dom.js";
import { mountExplanation } from "./explain.js";
import { faultPanel } from "./states.js";
import { absent } from "./ways-out.js";

const LARGE = 1600; // px of the longer side
const LARGEST = 2048;
const SWIPE = 50; // px that a finger moves sideways before it goes to another image

/**
 * Put the window in order. `onClose()`, `onStep(by)`, `onTab(why)`, `onUse(id)`, `onLess(id)`.
 * Gives `open({item, question, why, position, folders})`, `close()`, and `isOpen()`, which gives
 * `{id, why}` or null. `item` is an image of the API, of a link perhaps its id alone; `question` is
 * `{call, viewsOnly}`, where `call(run)` runs `run(ask)` with it, or null in the gallery; `position`:
 * {at, of}, or null; `folders` tells whether the server can show a file in its folder.
 */
export function mountViewer({ onClose, onStep, onTab, onUse, onLess }) {
  const dialog = byId("viewer");
  const styled = Promise.all([style("dialog.css"), style("viewer.css")]);
  const explanation = mountExplanation();
  let shown = null; // what was opened, with the tab that is open
  let parts = null; // the elements of the window
  let busy = null;
  let finger = null; // where a touch began

  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    onClose();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && onClose());
  dialog.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by && !event.target.closest(".scroll")) onStep(by);
    else if (event.key === "w" && shown.question) turn(!shown.why);
    else if (shown.why && ["1", "2", "3"].includes(event.key)) explanation.look(event.key - 1);
    else if (event.key === "u") onUse(shown.item.id);
    else if (event.key === "l" && shown.question) onLess(shown.item.id);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("touchstart", ({ touches, target }) => {
    const [{ clientX: x, clientY: y }] = touches;
    finger = touches.length === 1 && !target.closest(".scroll") ? { x, y } : null;
  }, { passive: true });
  dialog.addEventListener("touchend", ({ changedTouches: [{ clientX, clientY }] }) => {
    if (!finger || visualViewport?.scale > 1.05) return; // a finger moves a magnified image
    const [right, down] = [clientX - finger.x, clientY - finger.y];
    finger = null;
    if (Math.abs(right) > SWIPE && Math.abs(right) > 1.5 * Math.abs(down)) onStep(right > 0 ? -1 : 1);
  }, { passive: true });

  async function open(opened) {
    busy?.abort();
    busy = new AbortController();
    explanation.clear();
    const { item: { id } } = opened;
    shown = { ...opened };
    const { signal } = busy;
    build();
    await styled;
    if (signal.aborted) return; // closed meanwhile, or another image
    const entering = !dialog.open;
    if (entering) dialog.showModal();
    byId("viewer-title").focus();
    turnTo(opened.why);
    if (!opened.why) announce(`${id}${place(opened.position)}.`);
    if (opened.item.attributes === undefined) await look(id, signal);
  }

  const place = (position) => (position ? `, ${(position.at + 1).toLocaleString("en")} of ${position.of.toLocaleString("en")}` : "");

  /** Fetch what is known of an image of which there is only the id. */
  async function look(id, signal) {
    try {
      const item = await api.image(id, signal);
      if (signal.aborted) return;
      shown.item = { ...item, ...shown.item, attributes: item.attributes };
      parts.facts.replaceChildren(...facts(shown.item));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof api.ApiError)) throw error;
      const unknown = error.status === 404;
      parts.image.replaceChildren(faultPanel(error, { retry: () => open(shown), ...(unknown && absent(id, "Close this to see the results.")) }));
    }
  }

  function build() {
    const { item, question, position } = shown;
    const { id } = item;
    const step = (by, name, label) =>
      el("button", { type: "button", class: "quiet icon", "aria-label": label, title: label, disabled: !position || position.at + by < 0 || position.at + by >= position.of, on: { click: () => onStep(by) } }, icon(name));
    const tab = (name, label, why) =>
      el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name, on: { click: () => turn(why) } }, label);
    parts = {
      tabs: question && el("div", { class: "tabs", role: "tablist", "aria-label": "What to show" }, tab("viewer-image", "Image", false), tab("why", "Why?", true)),
      facts: el("div", { class: "facts-of" }, facts(item)),
      actions: el("div", { class: "row acts-row" }),
      why: el("div", { id: "why", class: "why-body", role: "tabpanel", "aria-labelledby": "tab-why", hidden: true }),
    };
    parts.image = el("div", { id: "viewer-image", class: "large", role: question ? "tabpanel" : undefined, "aria-labelledby": question ? "tab-viewer-image" : undefined }, canvas(item), parts.facts);
    dialog.replaceChildren(
      el(
        "header",
        { class: "window-head" },
        el("h2", { id: "viewer-title", tabindex: "-1" }, el("span", { class: "name", dir: "auto", title: id, text: shortName(id) })),
        el(
          "div",
          { class: "row" },
          position && el("span", { class: "count", text: place(position).slice(2) }),
          step(-1, "left", "The image before"),
          step(1, "right", "The next image"),
          el("button", { type: "button", class: "quiet icon", id: "viewer-close", "aria-label": "Close", on: { click: onClose } }, icon("close")),
        ),
      ),
      ...[parts.tabs, parts.image, parts.why, parts.actions].filter(Boolean),
    );
  }

  function canvas(item) {
    const number = item.best_view?.image ?? 1; // of a product with several images, the one that matched best
    const image = el("img", { src: api.imageUrl(item.id, LARGE) + (number > 1 ? `&image=${number}` : ""), alt: item.captions?.join(" · ") || item.id });
    if (item.width) image.style.setProperty("--ar", String(item.width / item.height));
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "broken" }, icon("image"), "The file is gone; its vectors are still here.")));
    return el("div", { class: "canvas" }, image);
  }

  function facts({ id, width, height, captions, attributes, near_duplicates: copies }) {
    const own = Object.entries(attributes ?? {}).filter(([name]) => !["width", "height", "orientation"].includes(name));
    const rows = [
      ["Name", id],
      width && ["Size", `${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels`],
      captions?.length > 0 && ["Captions", captions.join(" · ")],
      ...own.map(([name, value]) => [name.replaceAll("_", " "), valueOf(value)]),
      copies?.length > 0 && ["Copies", plural(copies.length, "near-duplicate")],
    ];
    return [el("dl", {}, rows.filter(Boolean).map(([name, text]) => [el("dt", { text: name }), el("dd", { dir: "auto", text })]))];
  }

  const valueOf = (value) => (Array.isArray(value) ? value.join(", ") : value === true ? "yes" : value === false ? "no" : typeof value === "number" ? value.toLocaleString("en") : String(value));

  /** Change the tab because the reader said so. */
  function turn(why) {
    turnTo(why);
    onTab(why);
  }

  function turnTo(why) {
    shown.why = why;
    parts.image.hidden = why;
    parts.why.hidden = !why;
    for (const tab of parts.tabs?.children ?? []) {
      // both are reached with Tab: the arrow keys go from image to image
      tab.setAttribute("aria-selected", String((tab.id === "tab-why") === why));
    }
    parts.actions.replaceChildren(...actions());
    if (why && !parts.why.hasChildNodes()) explanation.show(parts.why, shown.question, shown.item.id, busy.signal);
  }

  function actions() {
    const { item: { id }, question, why, folders } = shown;
    const button = (label, sign, act, main = false) =>
      el("button", { type: "button", class: main ? "primary" : "quiet", on: { click: act } }, icon(sign, 17), label);
    return [
      button("Use as the new reference", "swap", () => onUse(id), true),
      question && button("Less like this", "minus", () => onLess(id)),
      ...(why
        ? [button("Save as an image", "save", attempt(async () => download(await question.call((ask) => api.explanationImage(ask, id, "matches")), `why-${shortName(id)}.png`)))]
        : [
            el("a", { class: "quiet", href: api.imageUrl(id, LARGEST), download: `${shortName(id).replace(/\.\w+$/, "")}.jpg` }, icon("save", 17), "Download"),
            globalThis.ClipboardItem && navigator.clipboard?.write && button("Copy", "copy", attempt(copy)),
            folders && button("Open its folder", "folder", attempt(() => api.reveal(id))),
          ]),
    ].filter(Boolean);
  }

  /** Run an action of a button, which is shut meanwhile; say beside it why it failed. */
  function attempt(act) {
    return async ({ currentTarget: pressed }) => {
      pressed.disabled = true;
      pressed.parentElement.querySelector("[role=alert]")?.remove();
      try {
        await act();
      } catch (error) {
        const message = `${error.message} ${error.hint ?? ""}`;
        announce(message);
        pressed.parentElement.append(el("p", { class: "hint", role: "alert", text: message }));
      } finally {
        pressed.disabled = false;
      }
    };
  }

  /** Put the image's pixels on the clipboard, which takes PNG only. */
  async function copy() {
    const image = parts.image.querySelector("img");
    await image.decode();
    const drawn = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
    drawn.getContext("2d").drawImage(image, 0, 0);
    await navigator.clipboard.write([new ClipboardItem({ "image/png": await drawn.convertToBlob({ type: "image/png" }) })]);
    toast("The image is copied.");
  }

  function close() {
    busy?.abort();
    explanation.clear();
    shown = null;
    if (dialog.open) dialog.close();
    dialog.replaceChildren();
  }

  return { open, close, isOpen: () => (shown ? { id: shown.item.id, why: shown.why } : null) };
}
