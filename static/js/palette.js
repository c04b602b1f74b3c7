// Search and commands: Ctrl+K, "/" or the box in the top bar. One dialog with a combobox and a listbox.
// Resources come from the server as choices; pages, this page's actions and the top bar's commands stand in the page.
// Without this module the box leads to the page of results.

const palette = document.getElementById("palette");
const box = palette.querySelector("[role=combobox]");
const list = document.getElementById("palette-list");
const doers = document.getElementById("palette-doers");
const said = document.getElementById("palette-said");
const none = palette.querySelector(".palette-none");
const icons = document.getElementById("palette-icons").content.children;
const WAIT = 120;
const MOST_OF_A_SOURCE = 6;

let chosen = -1;
let timer = 0;
let asking = null;
let awaited = false; // what was typed last has not been answered yet
let entered = false; // Enter was pressed meanwhile: it means the first answer
let within = ""; // what was typed before the actions of one resource were opened
let elements = new Map(); // option -> element of the page that it stands for

// -- what stands in the page -------------------------------------------------------------------------------------------

function own(element) {
  return [...element.childNodes]
    .filter((node) => !(node.nodeType === 1 && node.matches("small, .visually-hidden, svg")))
    .map((node) => (node.nodeType === 1 ? own(node) : node.textContent))
    .join(" ")
    .replace(/\s+/g, " ")
    .trim();
}

function here() {
  return [...document.querySelectorAll(".detail-title .actions .dropdown-menu :is(a, button), .page-head .btn-primary")].map((element) => ({
    element,
    icon: 0,
    name: own(element),
    beside: element.querySelector("small")?.textContent ?? "",
    disabled: element.getAttribute("aria-disabled") === "true",
  }));
}

function pages() {
  return [...document.querySelectorAll(".side-nav a")].map((element) => ({ element, icon: 1, name: own(element), href: element.href }));
}

function commands() {
  return [...document.querySelectorAll(".top .dropdown-menu :is(a, button).dropdown-item")]
    .filter((element) => !element.closest("[data-no-commands]"))
    .map((element) => {
      const what = element.closest(".dropdown")?.querySelector("[data-bs-toggle]")?.getAttribute("aria-label");
      return { element, icon: 2, name: what ? `${what}: ${own(element)}` : own(element) };
    });
}

function matching(sources, text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return sources.filter((one) => one.name && words.every((word) => one.name.toLocaleLowerCase().includes(word)));
}

function group(label, sources, prefix) {
  if (!sources.length) return null;
  const part = document.createElement("div");
  part.setAttribute("role", "group");
  part.setAttribute("aria-label", label);
  const head = document.createElement("div");
  head.className = "palette-group";
  head.setAttribute("aria-hidden", "true");
  head.textContent = label;
  part.append(head, ...sources.map((one, index) => option(one, `${prefix}-${index}`)));
  return part;
}

function option(one, id) {
  const made = document.createElement("div");
  made.setAttribute("role", "option");
  made.setAttribute("aria-selected", "false");
  made.id = id;
  if (one.disabled) made.setAttribute("aria-disabled", "true");
  const name = document.createElement("span");
  name.className = "palette-name";
  name.textContent = one.name;
  const beside = document.createElement("span");
  beside.className = "palette-beside";
  beside.textContent = one.beside ?? "";
  made.append((one.element.querySelector("svg") ?? icons[one.icon]).cloneNode(true), name, beside);
  elements.set(made, one.element);
  return made;
}

// -- asking and showing ------------------------------------------------------------------------------------------------

function inPage(text) {
  elements = new Map();
  const few = (sources) => matching(sources, text).slice(0, text ? MOST_OF_A_SOURCE : undefined);
  const found = [group(palette.dataset.here, few(here()), "palette-here")];
  if (text) found.push(group(palette.dataset.commands, few(commands()), "palette-command"));
  found.push(group(palette.dataset.pages, few(pages()), "palette-page"));
  return found.filter(Boolean);
}

function show(options, made = []) {
  list.replaceChildren(...options);
  doers.replaceChildren(...made);
  window.htmx?.process(doers);
  const count = all().length;
  none.hidden = count > 0;
  none.textContent = count ? "" : palette.dataset.none;
  said.textContent = !count ? palette.dataset.none : count === 1 ? palette.dataset.one : palette.dataset.many.replace("%n", count);
  choose(count && box.value.trim() ? 0 : -1);
  awaited = false;
  if (entered) keys.Enter(void (entered = false));
}

async function ask(query) {
  asking?.abort();
  asking = new AbortController();
  const url = `${palette.querySelector("form").getAttribute("action")}?${query}`;
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: asking.signal });
  if (!answer.ok) throw new Error(String(answer.status));
  const parsed = document.createElement("template");
  parsed.innerHTML = await answer.text();
  const parts = (name) => [...(parsed.content.querySelector(`[data-${name}]`)?.children ?? [])];
  return { options: parts("options"), made: parts("doers") };
}

async function search() {
  const text = box.value.trim();
  within = "";
  if (!text) {
    asking?.abort();
    return show(inPage(""));
  }
  palette.setAttribute("aria-busy", "true");
  try {
    const { options, made } = await ask(new URLSearchParams({ q: text }));
    show([...options, ...inPage(text)], made);
  } catch (error) {
    if (error.name === "AbortError") return;
    show(inPage(text));
    none.hidden = false;
    said.textContent = none.textContent = palette.dataset.unreachable;
  }
  palette.removeAttribute("aria-busy");
}

async function openActions(one) {
  if (!one?.dataset.key) return;
  const typed = box.value;
  try {
    const { options, made } = await ask(new URLSearchParams({ kind: one.dataset.kind, key: one.dataset.key }));
    within = typed;
    show(options, made);
    choose(0);
  } catch (error) {
    if (error.name !== "AbortError") said.textContent = palette.dataset.unreachable;
  }
}

// -- choosing and doing ------------------------------------------------------------------------------------------------

const all = () => [...list.querySelectorAll("[role=option]")];

function choose(index) {
  const options = all();
  chosen = options.length ? Math.max(-1, Math.min(index, options.length - 1)) : -1;
  options.forEach((one, position) => one.setAttribute("aria-selected", String(position === chosen)));
  if (chosen < 0) return box.removeAttribute("aria-activedescendant");
  box.setAttribute("aria-activedescendant", options[chosen].id);
  options[chosen].scrollIntoView({ block: "nearest" });
}

function move(by) {
  const count = all().length;
  if (count) choose(chosen < 0 ? (by > 0 ? 0 : count - 1) : (chosen + by + count) % count);
}

function go(one) {
  if (one.getAttribute("aria-disabled") === "true") {
    said.textContent = `${one.querySelector(".palette-name").textContent}: ${one.querySelector(".palette-beside").textContent}`;
    return;
  }
  const doer = one.dataset.doer && document.getElementById(one.dataset.doer)?.querySelector("a, button");
  const element = elements.get(one) ?? doer;
  const href = one.dataset.href;
  // What is clicked must outlive the dialog: it stays where it is, only the dialog closes.
  palette.close();
  if (href) location.assign(href);
  else element?.click();
}

// -- keys and clicks ---------------------------------------------------------------------------------------------------

function open(text = "") {
  if (document.querySelector("dialog[open]")) return;
  box.value = text;
  palette.showModal();
  box.focus();
  search();
}

const typing = (target) => target.closest?.("input, textarea, select, [contenteditable], canvas");

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key === "k") {
    event.preventDefault();
    if (palette.open) palette.close();
    else open();
  } else if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
    event.preventDefault();
    open();
  }
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-palette-open]");
  if (!opener || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open();
});

const keys = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Home: () => (box.selectionStart === 0 || !box.value) && choose(0),
  End: () => box.selectionStart === box.value.length && choose(all().length - 1),
  Enter() {
    if (awaited) entered = true;
    else if (chosen >= 0) go(all()[chosen]);
    else if (box.value.trim()) box.form.requestSubmit();
  },
  Tab: () => openActions(all()[chosen]),
};

box.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Tab" && (event.shiftKey || !all()[chosen]?.dataset.key)) return; // on to the next control
  const act = keys[event.key];
  if (!act) return;
  if (event.key !== "Home" && event.key !== "End") event.preventDefault();
  act();
});
box.addEventListener("input", () => {
  awaited = true;
  entered = false;
  clearTimeout(timer);
  timer = setTimeout(search, WAIT);
});
palette.addEventListener("cancel", (event) => {
  if (!within) return;
  event.preventDefault(); // back to what was found, then out
  box.value = within;
  search();
});
palette.addEventListener("click", (event) => {
  if (event.target === palette || event.target.closest("[data-palette-close]")) return palette.close();
  const one = event.target.closest("[role=option]");
  if (!one) return;
  if (event.target.closest(".palette-more")) openActions(one);
  else go(one);
});
list.addEventListener("pointermove", (event) => {
  const one = event.target.closest("[role=option]");
  if (one && one.getAttribute("aria-selected") !== "true") choose(all().indexOf(one));
});
palette.addEventListener("close", () => {
  clearTimeout(timer);
  asking?.abort();
  awaited = entered = false;
});
