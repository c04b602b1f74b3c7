// What was typed survives an expired session: a form left unsent, or refused at a log-in, is filled in again.
//   form[data-keep]      its values are kept for this tab while one logs in again
//   [data-keep-drafts]   a page one passes on the way back: log-in, proof, an error
// Passwords, codes and files are never kept; another user gets nothing; half an hour later it is dropped.

const KEY = "scloud.draft";
const LASTS = 30 * 60 * 1000; // ms
const NEVER = "[type=hidden], [type=password], [type=file], [type=submit], [type=button], [autocomplete=one-time-code], [data-confirm]";

const form = document.querySelector("main form[data-keep]");
const user = document.body.dataset.user ?? "";
let typed = false;
let sent = false;

const kept = (control) => control.name && !control.disabled && !control.matches(NEVER);
const isChoice = (control) => ["checkbox", "radio"].includes(control.type);

function valuesOf(controls) {
  return controls.map((one) => [one.name, one.value, isChoice(one) ? one.checked : null]);
}

function keep() {
  if (!form?.isConnected || !typed) return;
  const values = valuesOf([...form.elements].filter(kept));
  const draft = { path: location.pathname + location.search, user, at: Date.now(), sent, values };
  sessionStorage.setItem(KEY, JSON.stringify(draft));
}

function taken() {
  const text = sessionStorage.getItem(KEY);
  if (!text) return null;
  const draft = JSON.parse(text);
  if (document.querySelector("[data-keep-drafts]")) {
    sessionStorage.setItem(KEY, JSON.stringify({ ...draft, away: true }));
    return null;
  }
  sessionStorage.removeItem(KEY);
  const ours = draft.user === user && draft.path === location.pathname + location.search;
  // Sent and answered by the same page: the server has it, or shows it again itself.
  return form && ours && Date.now() - draft.at < LASTS && (draft.away || !draft.sent) ? draft : null;
}

function fill(values) {
  form.dispatchEvent(new CustomEvent("kit:restoring", { detail: values }));
  const left = [...values];
  let changes = 0;
  for (const control of [...form.elements].filter(kept)) {
    const place = left.findIndex(([name, value, on]) => name === control.name && (on === null || value === control.value));
    if (place < 0) continue;
    const [[, value, on]] = left.splice(place, 1);
    if (on === null ? control.value === value : control.checked === on) continue;
    if (on === null) control.value = value;
    else control.checked = on;
    control.dataset.touched = "";
    changes += 1;
  }
  form.dispatchEvent(new CustomEvent("kit:restored"));
  if (changes) form.dispatchEvent(new Event("kit:edited", { bubbles: true }));
  return changes;
}

function restore() {
  const draft = taken();
  if (!draft || !fill(draft.values)) return;
  typed = true;
  const note = document.querySelector("template[data-draft-note]")?.content.firstElementChild.cloneNode(true);
  if (note) form.prepend(note);
}

form?.addEventListener("input", () => (typed = true));
form?.addEventListener("kit:edited", () => (typed = true));
form?.addEventListener("submit", () => (sent = true));
form?.querySelector("[data-discard]")?.addEventListener("click", () => (typed = false));
window.addEventListener("pagehide", keep);
window.addEventListener("pageshow", () => (sent = false));
// Who logs out leaves nothing behind.
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-log-out]")) return;
  typed = false;
  sessionStorage.removeItem(KEY);
});
// After all modules: those of the page build rows before they are filled.
if (document.readyState === "complete") restore();
else window.addEventListener("load", restore, { once: true });
