// Runs before the first paint: with theme "auto" the system decides, and only the browser knows the system.
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    const chosen = root.dataset.theme;
    root.setAttribute("data-bs-theme", chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen);
  }
  dark.addEventListener("change", apply);
  document.addEventListener("kit:theme", apply);
  apply();
})();
