// The user's own tasks in the top bar: counts that follow every change, and a list that is fetched when it is opened.

const button = document.querySelector("[data-own-tasks]");
const menu = button?.parentElement.querySelector(".dropdown-menu");
const WAIT = 400;
let timer = 0;

async function load(query) {
  const answer = await fetch(button.dataset.ownTasks + query, { headers: { "HX-Request": "true", "X-Background": "true" } });
  return answer.status === 200 ? answer.text() : null;
}

async function renew() {
  timer = 0;
  if (document.hidden) return;
  const badge = await load("?badge=1").catch(() => null);
  if (badge !== null) button.innerHTML = badge;
  if (menu.classList.contains("show")) await list();
}

async function list() {
  const html = await load("").catch(() => null);
  if (html === null) return;
  menu.innerHTML = html;
}

// Failures are news until they were on the screen: those of the list that was shown, no others. Set when it closes, so
// that nothing moves while it is read.
function shown() {
  const until = menu.querySelector("[data-shown-until]")?.dataset.shownUntil;
  if (until) document.cookie = `tasks_shown=${until};path=/;max-age=31536000;samesite=lax`;
}

function soon() {
  timer ||= setTimeout(renew, WAIT);
}

if (button) {
  document.addEventListener("kit:changed", (event) => event.detail.some((one) => one.kind === "operation") && soon());
  document.addEventListener("htmx:afterRequest", (event) => event.detail.requestConfig?.verb === "post" && soon());
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  button.addEventListener("show.bs.dropdown", list);
  button.addEventListener("hidden.bs.dropdown", () => soon(shown()));
  window.addEventListener("pagehide", () => menu.classList.contains("show") && shown());
}
