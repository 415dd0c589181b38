// Runs before the first paint, so that a remembered choice does not flash.
try {
  const theme = localStorage.getItem("stitch-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // storage may be forbidden: the system's colours then
}
