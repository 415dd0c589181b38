// Making elements. Text from outside becomes text nodes only: there is no way in for HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element. `props`: `class`, `text`, `on` (listeners), `data` (dataset), `vars` (custom
 * properties, set through the CSSOM), booleans (properties such as `hidden`), other attributes.
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "on") for (const [type, act] of Object.entries(value)) node.addEventListener(type, act);
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "vars") for (const [key, setting] of Object.entries(value)) node.style.setProperty(key, setting);
    else if (name === "value" || value === true) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Make a chip: a small round button. */
export const chip = (title, label, act, ...content) => el("button", { type: "button", class: "chip", title, "aria-label": label, on: { click: act } }, ...content);

/** Make an SVG element with attributes. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const PATHS = {
  swap: "M4 8h12l-3.5-3.5M20 16H8l3.5 3.5",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  save: "M12 4v11m-4.5-4L12 15.5l4.5-4.5M5 20h14",
  undo: "M9 7L4.500 11.500 9 16M5 11.500h9a5 5 0 0 1 0 10h-3",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  folder: "M3 6h6l2 2.5h10V19H3z",
  look: "M10.5 5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM15 15l5 5",
  left: "M14.5 5l-7 7 7 7",
  down: "M6 9.5l6 6 6-6",
  right: "M9.5 5l7 7-7 7",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  auto: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M12 8h5.5M12 12h8M12 16h5.5",
  alert: "M12 7.5v5.5M12 16.5h.01M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17z",
  cut: "M6 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM18 15a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 15.5L17 3M16 15.5L7 3",
};

/** Draw one of the page's own icons; it says nothing to a screen reader. */
export function icon(name, size = 18) {
  const box = { viewBox: "0 0 24 24", width: size, height: size, class: "line", "aria-hidden": "true" };
  return svg("svg", box, svg("path", { d: PATHS[name] }));
}

export const byId = (id) => document.getElementById(id);

/** Load a style sheet that is not needed at first; without it a window is plain, but says the same. */
export function style(name) {
  const href = new URL(name, import.meta.url).href;
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return Promise.resolve();
  return new Promise((done) => document.head.append(el("link", { rel: "stylesheet", href, on: { load: done, error: done } })));
}

/** Announce a text to screen readers, without moving anything. */
export function announce(text) {
  const live = byId("live");
  live.textContent = live.textContent === text ? `${text} ` : text;
}

/** Show a text for a moment, and announce it to screen readers. */
export function toast(text) {
  document.querySelector(".toast")?.remove();
  const shown = el("p", { class: "toast", "aria-hidden": "true", text });
  document.body.append(shown);
  setTimeout(() => shown.remove(), 5000);
  announce(text);
}

/** Count things: `1 image`, `2,000 images`. */
export const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** Return the last part of an id, where there is little room. */
export const shortName = (id) => id.split("/").filter(Boolean).pop() ?? id;

/** Offer bytes as a download. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const anchor = el("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
