// Keeps whoever works with the keyboard where they were: after a dialog, a menu, a button that was busy for a moment.
// Menus also go by first letters, Home and End; Bootstrap's own know the arrow keys and Escape only.

const dialog = document.getElementById("dialog");
let home = null; // what was focused when a request began

const nowhere = () => !document.activeElement || document.activeElement === document.body;
const usable = (element) => element?.isConnected && !element.disabled && element.getClientRects().length > 0;

function back() {
  if (!nowhere() || dialog?.open) return;
  const place = usable(home) ? home : home?.closest(".dropdown")?.querySelector("[data-bs-toggle]");
  (usable(place) ? place : document.getElementById("main"))?.focus({ preventScroll: true });
}

// A disabled button loses the focus, and what opened a dialog may be hidden by then.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.elt.contains(document.activeElement)) home = document.activeElement;
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (home && event.detail.elt.contains(home)) back();
});
dialog?.addEventListener("close", () => home && setTimeout(back));

// Chosen from a menu: it closes, and the focus goes back to what opened it.
document.addEventListener("hidden.bs.dropdown", (event) => {
  const toggle = event.relatedTarget;
  const menu = toggle?.parentElement?.querySelector(".dropdown-menu");
  if (menu && (nowhere() || menu.contains(document.activeElement))) toggle.focus({ preventScroll: true });
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".dropdown")?.querySelector(":scope > .dropdown-menu.show");
  if (!menu || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
  const items = [...menu.querySelectorAll(".dropdown-item")].filter(usable);
  const next = chosen(items, event.key);
  if (!next) return;
  event.preventDefault();
  next.focus();
});

function chosen(items, key) {
  if (key === "Home") return items[0];
  if (key === "End") return items[items.length - 1];
  if (key.length !== 1 || key === " ") return null;
  const at = items.indexOf(document.activeElement);
  const starts = (item) => item.textContent.trim().toLocaleLowerCase().startsWith(key.toLocaleLowerCase());
  return [...items.slice(at + 1), ...items.slice(0, at + 1)].find(starts);
}
