// Copy buttons come in a landmark each: number them, so that a screen reader tells them apart.
const number = () =>
  document.querySelectorAll(".md-code__nav").forEach((nav, index) =>
    nav.setAttribute("aria-label", `Code block ${index + 1}`),
  );
new MutationObserver(number).observe(document.documentElement, { childList: true, subtree: true });
number();
