// Copy buttons come in a landmark each: number them, so that a screen reader tells them apart.
const number = () =>
  document.querySelectorAll(".md-code__nav").forEach((nav, index) =>
    nav.setAttribute("aria-label", `Code block ${index + 1}`),
  );

// A table that scrolls in itself can be scrolled by the keyboard.
const reach = () =>
  document.querySelectorAll(".md-typeset__table").forEach((table) => {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
    else table.removeAttribute("tabindex");
  });

const all = () => {
  number();
  reach();
};
new MutationObserver(all).observe(document.documentElement, { childList: true, subtree: true });
window.addEventListener("resize", reach);
window.addEventListener("load", reach);
all();
