// What forms have in common: errors while one types, links from an error to its field, buttons that want a name typed.
//   form[data-check="?check=1"]   its fields are checked on the server, which changes nothing
//   [data-goto=name]              a link to the field of that name
//   input[data-confirm=text]      the form's submit button is enabled once this text is typed
// Without this module every form is a plain form: it is checked when it is sent.

const PAUSE = 250; // ms after the last key
const touched = new WeakMap(); // form -> names of the fields typed in
const pending = new WeakMap(); // form -> { timer, asked }

const CONTROLS = ":is(input, select, textarea):not([type=search], [type=hidden])";

function touch(form, name) {
  if (!touched.has(form)) touched.set(form, new Set());
  touched.get(form).add(name);
}

// -- errors while one types ----------------------------------------------------------------------------------------------

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (!form?.matches("form[data-create], form[data-check]") || !event.target.name) return;
  event.target.dataset.touched = "";
  touch(form, event.target.name);
  later(form);
});

document.addEventListener("kit:edited", (event) => later(event.target.closest("form")));

// A field that was filled in by a link or a default counts once it is left.
document.addEventListener("focusout", (event) => {
  const form = event.target.form;
  if (!form?.matches("form[data-check]") || !event.target.name || !event.target.value) return;
  touch(form, event.target.name);
});

// What is being sent is checked by its answer: a check that comes after it would be of a page that is no longer there.
document.addEventListener("submit", (event) => {
  const state = pending.get(event.target);
  clearTimeout(state?.timer);
  state?.asked?.abort();
});

function later(form) {
  if (!form.dataset.check) return;
  const state = pending.get(form) ?? {};
  clearTimeout(state.timer);
  state.timer = setTimeout(() => check(form, state), PAUSE);
  pending.set(form, state);
}

// Only the answer to the last change counts. Without an answer the page stays as it is: sending it still works.
async function check(form, state) {
  state.asked?.abort();
  state.asked = new AbortController();
  const sent = new FormData(form);
  sent.set("touched", [...(touched.get(form) ?? [])].join(","));
  let html = "";
  try {
    const response = await fetch(new URL(form.dataset.check, form.action), {
      method: "POST", body: sent, headers: { "HX-Request": "true" }, signal: state.asked.signal,
    });
    if (response.status !== 200) return;
    html = await response.text();
  } catch {
    return;
  }
  if (form.isConnected) show(form, html);
}

function show(form, html) {
  const answer = document.createElement("template");
  answer.innerHTML = html;
  form.dispatchEvent(new CustomEvent("kit:checked", { detail: answer.content }));
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
  for (const input of field.querySelectorAll(CONTROLS)) {
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

// -- long pages: which section one is in, whether anything was changed ---------------------------------------------------

for (const nav of document.querySelectorAll("[data-form-nav]")) {
  const links = [...nav.querySelectorAll("a[href^='#']")];
  const seen = new Map();
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) seen.set(entry.target.id, entry.isIntersecting);
    const here = links.find((link) => seen.get(link.hash.slice(1)));
    for (const link of links) {
      if (link === here) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  }, { rootMargin: "-80px 0px -40% 0px" });
  for (const link of links) {
    const section = document.getElementById(link.hash.slice(1));
    if (section) observer.observe(section);
  }
}

function countChanges(form) {
  const differs = (one) => ("defaultChecked" in one && ["checkbox", "radio"].includes(one.type)
    ? one.checked !== one.defaultChecked
    : one.options ? [...one.options].some((option) => option.selected !== option.defaultSelected)
      : one.value !== one.defaultValue);
  form.querySelector("[data-change-count]").hidden = ![...form.querySelectorAll(CONTROLS)].some(differs);
}
for (const name of ["input", "kit:restored"]) {
  document.addEventListener(name, (event) => {
    const form = event.target.closest?.("form[data-changes]");
    if (form) countChanges(form);
  }, true);
}

// -- from an error to its field ------------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-goto]");
  if (!link) return;
  event.preventDefault();
  const within = link.closest("form") ?? document;
  const named = CSS.escape(link.dataset.goto);
  go(within.querySelector(`[data-field="${named}"]`) ?? document.getElementById(link.dataset.goto));
});

function go(place) {
  const folded = place?.closest("details");
  if (folded) folded.open = true;
  const control = place?.matches(CONTROLS) ? place : place?.querySelector(
    ":is(input:checked, input:not([type=search], [type=radio], [type=hidden]), select, textarea)",
  ) ?? place?.querySelector(CONTROLS);
  control?.focus({ preventScroll: true });
  place?.scrollIntoView({ block: "center" });
}

// -- a name typed before something is deleted ----------------------------------------------------------------------------

function weigh(input) {
  const plain = (text) => text.trim().normalize("NFC");
  for (const button of input.form?.querySelectorAll("[type=submit]") ?? []) {
    button.disabled = plain(input.value) !== plain(input.dataset.confirm);
  }
}

const weighAll = () => document.querySelectorAll("input[data-confirm]").forEach(weigh);
document.addEventListener("input", (event) => event.target.matches("input[data-confirm]") && weigh(event.target));
for (const name of ["htmx:afterSwap", "htmx:afterRequest"]) document.addEventListener(name, weighAll);
window.addEventListener("pageshow", weighAll);
weighAll();
