// Keeps a page true. The socket only names what changed; what is shown is fetched from the page's own URL.
//   [data-live-rows][data-kind]   rows of a list, replaced cell by cell where they stand; new ones come on top
//   [data-watch="vm:<id> disk"]   a page whose [data-live] parts are fetched again
//   .toast-note[data-operation]   an operation this browser asked for: its end is told

const socketUrl = new URL(document.body.dataset.liveUrl, location.href);
socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
const DEBOUNCE = 120;
const TOGETHER = 15; // one commit pushes several rows: the task and what it acts on
const MOST_NEW = 50;
const MOST_ASKED = 150; // the server answers for no more than 200 rows
const ONCE_MORE = 5000; // what could not be fetched is asked for again
const UNDER_WAY = ".pill-busy, [data-busy]";
const lost = document.getElementById("live-lost");
const changed = new Map(); // "kind:id" -> change
let timer = 0;
let flushed = -DEBOUNCE;
let attempts = 0;

function connect() {
  const socket = new WebSocket(socketUrl);
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.ready) return ready();
    for (const one of [message].flat()) note(one.kind, one.id, one.change);
  };
  socket.onclose = (event) => {
    if (event.code === 4401) return location.reload(); // logged out meanwhile
    if (event.code === 4403) return; // a password or a second factor comes first: the next click leads there
    if (event.code === 4429) attempts = Math.max(attempts, 5); // too many open pages: one of them must be closed first
    lost.hidden = attempts < 1;
    const wait = Math.min(1000 * 2 ** attempts++, 30000) * (0.5 + Math.random() / 2);
    setTimeout(connect, wait);
  };
}

function ready() {
  const gap = attempts > 0;
  attempts = 0;
  lost.hidden = true;
  document.body.dataset.live = "on";
  // Pushes were missed: since the connection was lost, everything on the page may be old; since the page was made, what
  // was under way then.
  const rows = document.querySelectorAll(gap ? "tr[data-id]" : `tr[data-id]:has(${UNDER_WAY})`);
  for (const row of rows) note(row.dataset.kind, row.dataset.id, "updated");
  if (gap || document.querySelector("[data-watch]")?.querySelector(UNDER_WAY)) refreshPage();
  follow([...following().keys()]);
}

function note(kind, id, change) {
  changed.set(`${kind}:${id}`, change);
  // The first change is shown at once, those of a storm step by step.
  timer ||= setTimeout(flush, performance.now() - flushed > DEBOUNCE ? TOGETHER : DEBOUNCE);
}

function flush() {
  timer = 0;
  flushed = performance.now();
  if (document.hidden) return; // caught up with when the tab is looked at again
  const changes = [...changed].map(([name, change]) => ({ name, kind: name.split(":")[0], id: name.split(":")[1], change }));
  changed.clear();
  document.dispatchEvent(new CustomEvent("kit:changed", { detail: changes }));
  for (const body of document.querySelectorAll("[data-live-rows]")) rowsFor(body, changes);
  const empty = document.querySelector("[data-live-list]");
  if (empty && changes.some((one) => one.kind === empty.dataset.kind)) location.reload();
  const watched = document.querySelector("[data-watch]")?.dataset.watch.split(" ") ?? [];
  if (changes.some((one) => watched.some((name) => meant(one, name)))) refreshPage();
  follow(changes.filter((one) => one.kind === "operation").map((one) => one.id));
}

// Of a change to "vm:*" any VM may be meant.
function meant(change, name) {
  return name === change.name || name === change.kind || (change.id === "*" && name.startsWith(`${change.kind}:`));
}

// One request at a time for a list: what comes meanwhile waits, and goes together.
async function rowsFor(body, changes) {
  const also = (body.dataset.watches || "").split(" ");
  const all = changes.some((one) => (one.id === "*" && one.kind === body.dataset.kind) || also.includes(one.kind));
  const shown = all ? [...body.querySelectorAll("tr[data-id]")].map((row) => ({ id: row.dataset.id, change: "updated" })) : [];
  const waiting = (body.waiting ??= new Map());
  for (const one of [...shown, ...changes.filter((one) => one.kind === body.dataset.kind && one.id !== "*")]) waiting.set(one.id, one);
  if (body.busy || !waiting.size) return;
  body.busy = true;
  try {
    while (waiting.size && body.isConnected) {
      const now = [...waiting.values()].slice(0, MOST_ASKED);
      for (const one of now) waiting.delete(one.id);
      const begun = performance.now();
      await refreshRows(body, now);
      await rest(begun);
    }
  } finally {
    body.busy = false;
  }
}

document.addEventListener("visibilitychange", () => document.hidden || (changed.size && flush()));

// As long as the answer took: however many pages are open, together they ask for no more than the server can answer.
function rest(begun) {
  return new Promise((done) => setTimeout(done, performance.now() - begun));
}

// Whether the server could not answer now; what it refuses, it refuses again.
function failed(status) {
  return status === 0 || status === 429 || status >= 500;
}

async function load(url) {
  // In the background: what the page fetches by itself keeps no session alive.
  const response = await fetch(url, { headers: { "HX-Request": "true", "X-Background": "true" } });
  return { status: response.status, html: response.status === 200 ? await response.text() : "" };
}

async function refreshRows(body, changes) {
  const find = (id) => body.querySelector(`tr[data-id="${CSS.escape(id)}"]`);
  const shown = changes.filter((one) => find(one.id)).map((one) => one.id);
  // Of a hundred that come at once the last ones stand on top; the others are on the pages that follow.
  const fresh = "takesNew" in body.dataset ? changes.map((one) => one.id).filter((id) => !shown.includes(id)).slice(-MOST_NEW) : [];
  if (!shown.length && !fresh.length) return;
  const url = new URL(location.href);
  url.searchParams.set("rows", shown.join(","));
  url.searchParams.set("new", fresh.join(","));
  const { status, html } = await load(url).catch(() => ({ status: 0 }));
  if (failed(status)) setTimeout(() => changes.forEach((one) => note(body.dataset.kind, one.id, one.change)), ONCE_MORE);
  if (status !== 200) return;
  const parsed = document.createElement("template");
  parsed.innerHTML = html;
  const rows = [...parsed.content.querySelectorAll("tr")];
  for (const id of shown) if (!rows.some((row) => row.dataset.id === id)) leave(find(id));
  for (const row of rows.reverse()) {
    const old = find(row.dataset.id);
    if (old) renew(old, row);
    else enter(body, row);
  }
  document.dispatchEvent(new Event("kit:rows"));
}

// Cell by cell, so that an open menu, a selection and the focus stay where they are.
function renew(old, row) {
  old.classList.toggle("stale", row.classList.contains("stale"));
  [...row.cells].forEach((cell, index) => {
    const present = old.cells[index];
    if (!present || cell.matches(".row-menu, .row-pick") || same(present, cell)) return;
    // A cause that is being read stays; its row is looked at again once it is closed.
    const read = present.querySelector(":popover-open");
    if (read) return void read.addEventListener("toggle", () => note(row.dataset.kind, row.dataset.id, "updated"), { once: true });
    fill(present, cell);
    if (!cell.matches(".row-acts")) flash(present);
  });
}

// Time that goes by is no change.
function same(present, cell) {
  const still = (html) => html.replace(/(<time\b[^>]*?)(?: title="[^"]*")?( data-(?:ago|elapsed))[^>]*>[^<]*/g, "$1$2").replace(/ title="[^"]*"| class="[^"]*"/g, "");
  return still(present.innerHTML) === still(cell.innerHTML) && classes(present) === classes(cell);
}

function classes(cell) {
  return [...cell.querySelectorAll("[class]")].map((one) => one.getAttribute("class").replace(/ ?htmx-\w+/g, "")).join();
}

// A button that has the focus keeps it, by its place.
function fill(present, cell) {
  const place = [...present.querySelectorAll("a, button")].indexOf(document.activeElement);
  present.innerHTML = cell.innerHTML;
  window.htmx?.process(present);
  if (place >= 0) [...present.querySelectorAll("a, button")][place]?.focus();
}

function enter(body, row) {
  body.prepend(row);
  window.htmx?.process(row);
  row.classList.add("entered");
}

function leave(row) {
  if (!row) return; // gone while the answer was under way
  row.classList.add("left");
  setTimeout(() => row.remove(), 600);
}

function flash(element) {
  element.classList.remove("renewed");
  void element.offsetWidth; // restarts the animation
  element.classList.add("renewed");
}

let refreshing = false;
let again = false;
async function refreshPage() {
  const page = document.querySelector("[data-watch]");
  if (!page) return;
  if (refreshing) return void (again = true);
  refreshing = true;
  const begun = performance.now();
  const { status, html } = await load(location.href).catch(() => ({ status: 0 }));
  if (status === 404) return gone(page);
  if (status === 200) {
    const fetched = new DOMParser().parseFromString(html, "text/html");
    for (const part of page.querySelectorAll("[data-live]")) replace(part, fetched);
  }
  await rest(begun);
  refreshing = false;
  if (failed(status)) setTimeout(refreshPage, ONCE_MORE);
  else if (again) refreshPage(void (again = false));
}

function replace(part, fetched) {
  if (part.querySelector("[data-keeps-itself]")) return; // charts, say; what is to be renewed in there says so itself
  const fresh = fetched.querySelector(`[data-live="${part.dataset.live}"]`);
  // What has asked for something stays until it is answered: htmx finds no place for an answer to what has left the page.
  if (part.matches(".htmx-request") || part.querySelector(".htmx-request")) return void (again = true);
  // An open menu or a field being typed in is left alone; the next push or the closing catches up.
  if (!fresh || plain(fresh) === plain(part) || part.querySelector(".show, :focus:is(input, textarea, select)")) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.textContent.trim() : "";
  const opened = [...part.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key);
  part.innerHTML = fresh.innerHTML;
  for (const one of part.querySelectorAll("details[data-key]")) one.open = opened.includes(one.dataset.key);
  window.htmx?.process(part);
  if (focused) [...part.querySelectorAll("a, button")].find((one) => one.textContent.trim() === focused)?.focus();
}

// The CSRF token is masked anew in every answer: not a change.
function plain(part) {
  return part.innerHTML.replace(/name="csrfmiddlewaretoken" value="[^"]*"/g, "").replace(/ aria-expanded="[^"]*"| class="[^"]*htmx[^"]*"/g, "");
}

function gone(page) {
  const event = new CustomEvent("kit:gone", { cancelable: true });
  if (!document.dispatchEvent(event)) return; // the page says it in its own way
  const note = document.createElement("div");
  note.className = "card empty-found";
  const text = document.createElement("p");
  text.textContent = page.dataset.gone || "";
  const back = document.createElement("a");
  back.className = "btn btn-sm";
  back.href = page.dataset.list;
  back.textContent = page.querySelector(".crumb")?.textContent.trim() || "←";
  note.append(text, back);
  page.replaceChildren(note);
}

// -- operations this browser asked for -----------------------------------------------------------------------------------

function following() {
  return new Map(JSON.parse(sessionStorage.getItem("following") || "[]"));
}

function remember(map) {
  sessionStorage.setItem("following", JSON.stringify([...map].slice(-200)));
}

function adopt(note) {
  if (note.dataset?.operation) {
    remember(following().set(note.dataset.operation, note.dataset.follow));
    follow([note.dataset.operation]); // it may have settled already
  }
}

async function follow(ids) {
  const map = following();
  for (const id of ids.filter((one) => map.has(one))) {
    const { status, html } = await load(map.get(id)).catch(() => ({ status: 0 }));
    if (status === 204 || status === 0) continue;
    const left = following();
    const told = left.delete(id);
    remember(left);
    if (status !== 200 || !told) continue;
    document.querySelector(`#toasts [data-operation="${CSS.escape(id)}"]`)?.remove();
    document.getElementById("toasts").insertAdjacentHTML("beforeend", html);
  }
}

new MutationObserver((changes) => {
  for (const change of changes) change.addedNodes.forEach(adopt);
}).observe(document.getElementById("toasts"), { childList: true });
document.querySelectorAll("#toasts [data-operation]").forEach(adopt);
connect();
