// What stands above a list. The URL says what is shown: the controls follow it, whoever changed it.
//   #filters            the form; #list the table that it fetches
//   [data-add-filter]   a control that is fetched and put beside the others
//   [data-column-choice] columns to show, in order

const filters = document.getElementById("filters");
const named = () => [...(filters?.elements ?? [])].filter((one) => one.name && one.type !== "hidden");

// -- controls follow the URL ---------------------------------------------------------------------------------------------

function given(name) {
  return new URL(location.href).searchParams.getAll(name).flatMap((text) => text.split(","));
}

function follow() {
  for (const field of named()) {
    if (field.type === "checkbox") field.checked = given(field.name).includes(field.value);
    else if (field.type === "radio") field.checked = (given(field.name)[0] ?? "") === field.value;
    else if (field !== document.activeElement) field.value = given(field.name).join(",").slice(0, field.type === "datetime-local" ? 16 : undefined);
  }
  for (const control of document.querySelectorAll(".control")) control.classList.toggle("active", isSet(control));
}

function isSet(control) {
  return [...control.querySelectorAll("[name]")].some((field) =>
    field.name !== "not" && (field.type === "checkbox" || field.type === "radio" ? field.checked && field.value : field.value),
  );
}

document.addEventListener("htmx:pushedIntoHistory", follow);
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "list" || event.detail.elt?.id === "list") settle();
});

// "is not" of a filter that is not set says nothing.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== filters) return;
  const data = event.detail.formData;
  const turned = data.getAll("not");
  data.delete("not");
  for (const name of turned) if (data.getAll(name).some(Boolean)) data.append("not", name);
});

// -- buttons on rows send what forms send ----------------------------------------------------------------------------------

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.detail.elt.matches(".row-button")) return;
  event.detail.headers["X-CSRFToken"] = document.querySelector("#list-tools [name=csrfmiddlewaretoken]").value;
});

// -- a control is added --------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-add-filter]");
  const there = link && document.querySelector(`[data-control="${CSS.escape(link.dataset.addFilter)}"]`);
  if (!there) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  setTimeout(() => open(there));
}, true);

document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target?.id === "controls") open(document.querySelector("#controls > .control:last-child"));
});

function open(control) {
  const button = control?.querySelector("[data-bs-toggle]");
  if (button?.getAttribute("aria-expanded") !== "true") button?.click();
}

// -- inside a control ----------------------------------------------------------------------------------------------------

document.addEventListener("shown.bs.dropdown", (event) => {
  const panel = event.target.parentElement.querySelector(".control-panel");
  // What is chosen most, not what comes first: "is not" stands above the choices.
  const first = ["[data-narrow]", ".control-options input", ".control-field input", "input:not([type=hidden])"];
  first.map((stop) => panel?.querySelector(stop)).find(Boolean)?.focus();
});

// Searching the choices must not fetch the list.
document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-narrow]")) return;
  const text = event.target.value.trim().toLocaleLowerCase();
  for (const option of event.target.parentElement.querySelectorAll(".control-options .control-option")) {
    option.hidden = !option.textContent.toLocaleLowerCase().includes(text);
  }
});
for (const kind of ["change", "search"]) {
  document.addEventListener(kind, (event) => event.target.matches?.("[data-narrow]") && event.stopPropagation(), true);
}

document.addEventListener("keydown", (event) => {
  if (event.target.matches("[data-narrow]") && event.key === "Enter") return event.preventDefault();
  if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const panel = event.target.closest(".control-panel");
  if (!panel || !event.target.matches("[data-narrow], [type=checkbox], [type=radio]")) return;
  const stops = [...panel.querySelectorAll("[data-narrow], .control-option:not([hidden]) input")];
  const next = stops[stops.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1)];
  event.preventDefault(); // of radios too: the arrows move, the space bar chooses
  next?.focus();
});

// -- columns -------------------------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  const item = button?.closest("li");
  if (!item) return;
  if (button.dataset.move === "up") item.previousElementSibling?.before(item);
  else item.nextElementSibling?.after(item);
  const still = getComputedStyle(button).visibility === "visible" ? button : item.querySelector("[data-move]:not([hidden])");
  still?.focus();
  item.scrollIntoView({ block: "nearest" });
});

// -- what does not fit into its cell is its hint ---------------------------------------------------------------------------

for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const cell = event.target.closest?.("#list :is(td, th)");
    for (const part of cell ? [cell, ...cell.querySelectorAll(".row-name, .row-description, .row-brief, .row-note, .mono, .state-step, .pill, .sort > span, .gauge > span")] : []) {
      const cut = part.scrollWidth > part.clientWidth + 1 || (part.matches(".row-note") && part.scrollHeight > part.clientHeight + 1);
      if (cut && !part.title) part.dataset.cut = part.title = part.innerText.trim();
      else if (!cut && part.dataset.cut) part.removeAttribute("title");
    }
  });
}

// -- the head of the table stays in view ---------------------------------------------------------------------------------

const watcher = new ResizeObserver(measure);

function measure() {
  const wrap = document.querySelector("#list .table-wrap");
  const table = wrap?.querySelector("table");
  if (!table) return;
  wrap.classList.toggle("overflows", table.scrollWidth > wrap.clientWidth + 1);
}

function settle() {
  watcher.disconnect();
  const wrap = document.querySelector("#list .table-wrap");
  if (wrap) watcher.observe(wrap);
  measure();
}
settle();
