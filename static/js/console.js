// What every page can do: theme, dialog, toasts, copying. No inline handlers (the CSP forbids them): all is delegated.

const dialog = document.getElementById("dialog");

// Only the browser knows where its reader is; the server shows times there from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`time_zone=${zone}`)) {
  document.cookie = `time_zone=${zone};path=/;max-age=31536000;samesite=lax`;
}

function chooseTheme(choice) {
  document.cookie = `theme=${choice};path=/;max-age=31536000;samesite=lax`;
  document.documentElement.dataset.theme = choice;
  document.dispatchEvent(new Event("kit:theme"));
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.classList.add("copied");
  const said = button.parentElement.querySelector("[data-secret-said]");
  if (said) said.textContent = said.dataset.copied;
  setTimeout(() => button.classList.remove("copied"), 1500);
}

// A file made in the browser: the server shows secrets once and keeps no copy to download.
function save(button) {
  const url = URL.createObjectURL(new Blob([button.dataset.save.trimEnd() + "\n"], { type: "text/plain" }));
  Object.assign(document.createElement("a"), { href: url, download: button.dataset.file }).click();
  URL.revokeObjectURL(url);
}
for (const button of document.querySelectorAll("[data-save]")) button.hidden = false;

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-theme-choice]")) chooseTheme(on("[data-theme-choice]").dataset.themeChoice);
  if (on("[data-copy]")) copy(on("[data-copy]"));
  if (on("[data-save]")) save(on("[data-save]"));
  if (on("[data-dismiss-toast]")) on(".toast-note").remove();
  if (on("[data-close-dialog]")) dialog.close();
  if (on("[aria-disabled=true]")) event.preventDefault();
  if (on("[data-back]") && history.length > 1) {
    event.preventDefault();
    history.back();
  }
  if (event.target === dialog) dialog.close(); // the backdrop
});

// A row's menu is fetched whenever it opens: nothing old is shown, so nothing is pressed that is replaced right after.
document.addEventListener("show.bs.dropdown", (event) => {
  const menu = event.target.closest(".row-menu")?.querySelector(".dropdown-menu");
  if (menu && !menu.querySelector(".htmx-request")) menu.replaceChildren();
});
// What was chosen in it stays until it is answered: htmx finds no place for an answer to what has left the page.
document.addEventListener("htmx:beforeSwap", (event) => {
  const menu = event.detail.target;
  if (menu.classList?.contains("dropdown-menu") && menu.querySelector(".htmx-request")) event.detail.shouldSwap = false;
});

// A dialog's content has come: show it, and begin with its first field.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "dialog-content") {
    if (!dialog.open) dialog.showModal();
    const first = dialog.querySelector(".field-wrong input, [autofocus], input:not([type=hidden]), select, textarea");
    (first || dialog.querySelector("[data-close-dialog]"))?.focus();
  }
  // A menu has grown: let its position be worked out again.
  if (event.detail.target.classList?.contains("dropdown-menu")) window.dispatchEvent(new Event("resize"));
});
document.addEventListener("kit:done", () => dialog.close());
dialog?.addEventListener("close", () => {
  document.getElementById("dialog-content").replaceChildren();
});

// A cause opens beside its pill; without this it opens in the middle of the window.
document.addEventListener("toggle", (event) => {
  const note = event.target;
  if (!note.matches?.(".why") || event.newState !== "open") return;
  const pill = document.querySelector(`[popovertarget="${CSS.escape(note.id)}"]`).getBoundingClientRect();
  const below = pill.bottom + 4 + note.offsetHeight < innerHeight;
  note.classList.add("placed");
  note.style.left = `${Math.max(8, Math.min(pill.left, innerWidth - note.offsetWidth - 8))}px`;
  note.style.top = `${below ? pill.bottom + 4 : Math.max(8, pill.top - 4 - note.offsetHeight)}px`;
}, true);
addEventListener("scroll", () => document.querySelector(".why:popover-open")?.hidePopover(), { passive: true });

// Empty filters do not belong in the URL.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb !== "get" || event.detail.elt.id !== "filters") return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});

// A request that got no answer at all must say so too.
document.addEventListener("htmx:sendError", () => toast(document.body.dataset.unreachable || "No answer."));

// A form is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-once]")) return;
  for (const button of event.target.querySelectorAll("button:not([type=button])")) {
    setTimeout(() => (button.disabled = true));
  }
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-once] button:disabled")) button.disabled = false;
});

function toast(text) {
  const note = document.createElement("div");
  note.className = "toast-note toast-error";
  note.textContent = text;
  document.getElementById("toasts").append(note);
  settle(note);
}

// Good news leaves by itself, bad news waits to be read.
function settle(note) {
  if (!note.classList.contains("toast-error")) setTimeout(() => note.remove(), 8000);
}
new MutationObserver((changes) => {
  for (const change of changes) for (const note of change.addedNodes) if (note.nodeType === 1) settle(note);
}).observe(document.getElementById("toasts"), { childList: true });
document.querySelectorAll("#toasts .toast-note").forEach(settle);

// After a refusal: to the first wrong field, or where it says why.
const wrong = document.querySelector(
  'main form [aria-invalid="true"]:not([type=hidden]), main .field-wrong :is(input:not([type=hidden], [type=search]), select, textarea)',
);
if (wrong?.closest("details")) wrong.closest("details").open = true;
(wrong || document.getElementById("form-errors"))?.focus();

// Leaving for another page: say so at once. The line under the top bar shows it when the answer takes long (shell.css).
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]:not([download], [target], [hx-get])");
  const plain = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (link && plain && link.origin === location.origin && link.pathname + link.search !== location.pathname + location.search) going();
});
document.addEventListener("submit", (event) => event.defaultPrevented || going());
window.addEventListener("pageshow", () => document.documentElement.classList.remove("going"));
function going() {
  document.documentElement.classList.add("going");
  setTimeout(() => document.documentElement.classList.remove("going"), 10_000);
}
