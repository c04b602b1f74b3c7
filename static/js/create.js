// The create page: which fields have been typed in, the summary's dialog, searching pickers, Ctrl+Enter. Without this
// module the page is a plain form.

const form = document.querySelector("form[data-create]");
const touched = form.elements.touched;
const names = new Set();

function touch(name) {
  if (!name || names.has(name)) return;
  names.add(name);
  touched.value = [...names].join(",");
}

// Before the form hears of it: what is sent says which fields have been touched.
form.addEventListener("input", (event) => touch(event.target.name), true);
// An empty field that was left counts as touched too, so that it is asked for.
form.addEventListener("focusout", (event) => {
  if (!event.target.matches("input, select, textarea") || !event.target.name || !event.target.value) return;
  touch(event.target.name);
});

// -- what would come of it, asked while one types -------------------------------------------------------------------------

let timer = 0;
let asked = new AbortController();
form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(preview, 250);
});

// Only the answer to the last change counts. Without an answer the page stays as it is: sending it still works.
async function preview() {
  if (!form.hasAttribute("data-preview")) return;
  asked.abort();
  asked = new AbortController();
  let html = "";
  try {
    const response = await fetch(form.dataset.preview, {
      method: "POST", body: new FormData(form), headers: { "HX-Request": "true" }, signal: asked.signal,
    });
    if (response.status !== 200) return;
    html = await response.text();
  } catch {
    return;
  }
  const answer = document.createElement("template");
  answer.innerHTML = html;
  for (const part of answer.content.querySelectorAll("[data-part]")) {
    document.getElementById(part.dataset.part)?.replaceChildren(...part.childNodes);
  }
  form.querySelectorAll("[data-field]").forEach(mark);
}

// A field with errors is marked as such, for those who see it and those who hear it.
function mark(field) {
  const wrong = field.querySelector(".field-error") !== null;
  field.classList.toggle("field-wrong", wrong);
  const errors = field.querySelector(".field-errors")?.id;
  for (const input of field.querySelectorAll(":is(input, select, textarea):not([type=search], [type=hidden])")) {
    if (wrong) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    if (errors) describe(input, errors, wrong);
  }
}

function describe(input, id, wrong) {
  const ids = new Set((input.getAttribute("aria-describedby") || "").split(" ").filter((one) => one && one !== id));
  if (wrong) ids.add(id);
  if (ids.size) input.setAttribute("aria-describedby", [...ids].join(" "));
  else input.removeAttribute("aria-describedby");
}

// -- pickers -------------------------------------------------------------------------------------------------------------

const place = form.querySelector("[data-places]");

function filter(picker) {
  const sought = (picker.querySelector("[data-picker-search]")?.value || "").trim().toLowerCase().split(/\s+/);
  let shown = 0;
  for (const row of picker.querySelectorAll(".pick")) {
    const elsewhere = place && row.dataset.place && row.dataset.place !== place.value;
    const found = sought.every((word) => row.textContent.toLowerCase().includes(word));
    row.hidden = elsewhere || !found;
    row.classList.toggle("elsewhere", Boolean(elsewhere));
    shown += row.hidden ? 0 : 1;
  }
  picker.querySelector("[data-picker-none]").hidden = shown > 0 || !picker.querySelector(".pick");
}

// What is chosen must be of the chosen region: else the first one that is, without a warning if there is such. A row of
// no region ("none") is taken only when the region has nothing; the summary says what that means.
function chooseHere(picker) {
  const radios = picker.querySelector("input[type=radio]") !== null;
  for (const chosen of picker.querySelectorAll(".pick.elsewhere input:checked")) chosen.checked = false;
  if (!radios) return;
  const current = picker.querySelector("input:checked")?.closest(".pick");
  if (current?.dataset.place === place.value) return;
  const here = [...picker.querySelectorAll(".pick[data-place]:not(.elsewhere)")];
  const best = here.find((row) => !row.querySelector(".pick-warning")) || here[0];
  const other = picker.querySelector(".pick:not([data-place]) input");
  const input = best?.querySelector("input") || other;
  if (input) input.checked = true;
}

for (const picker of form.querySelectorAll("[data-picker]")) {
  filter(picker);
  const search = picker.querySelector("[data-picker-search]");
  search?.addEventListener("input", (event) => {
    event.stopPropagation(); // it is no field of the form
    filter(picker);
  });
  search?.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      picker.querySelector(".pick:not([hidden]) input")?.click();
    }
  });
}
place?.addEventListener("input", () => {
  for (const picker of form.querySelectorAll("[data-picker]")) {
    filter(picker);
    chooseHere(picker);
  }
});

// -- summary -------------------------------------------------------------------------------------------------------------

const summary = form.querySelector("[data-summary]");
const narrow = matchMedia("(max-width: 991.98px)");
const fold = () => summary && (summary.open = !narrow.matches);
fold();
narrow.addEventListener("change", fold);
summary?.querySelector("summary").addEventListener("click", (event) => narrow.matches || event.preventDefault());

document.addEventListener("click", (event) => {
  const call = event.target.closest("[data-api-call]");
  if (call) {
    const dialog = document.getElementById("dialog");
    const content = form.querySelector("[data-api-template]").content.cloneNode(true);
    document.getElementById("dialog-content").replaceChildren(content);
    dialog.showModal();
    dialog.querySelector("[data-copy]").focus();
    dialog.addEventListener("close", () => call.focus(), { once: true });
  }
  const goto = event.target.closest("[data-goto]");
  if (goto) {
    event.preventDefault();
    go(form.querySelector(`[data-field="${CSS.escape(goto.dataset.goto)}"]`));
  }
});

function go(field) {
  const folded = field?.closest("details");
  if (folded) folded.open = true;
  field?.querySelector(":is(input:checked, input:not([type=search], [type=radio]), select, textarea)")?.focus();
  field?.scrollIntoView({ block: "center" });
}

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".form-actions [type=submit]"));
  }
});
