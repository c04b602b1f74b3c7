// The create page: the summary's dialog, searching pickers, suggested blocks, Ctrl+Enter; forms.js asks for the summary.
// Without this module the page is a plain form.

const form = document.querySelector("form[data-create]");

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

// -- suggested blocks: they follow what they belong to, until somebody types another -------------------------------------

function suggest(field, value) {
  if (!field || (field.value && field.value !== field.dataset.suggested)) return;
  field.value = value;
  field.dataset.suggested = value;
}

for (const list of form.querySelectorAll("select[data-suggests]")) {
  const field = form.elements[list.dataset.suggests];
  const suggested = () => list.selectedOptions[0]?.dataset.suggest ?? "";
  if (field.value === suggested()) field.dataset.suggested = field.value;
  list.addEventListener("input", () => suggest(field, suggested()));
}

// The first subnet of a VPC: at the VPC's own address, no larger than the usual subnet.
for (const field of form.querySelectorAll("[data-first-of]")) {
  const whole = form.elements[field.dataset.firstOf];
  const part = () => {
    const [, address, prefix] = whole.value.trim().match(/^(\d+(?:\.\d+){3})\/(\d+)$/) ?? [];
    return address ? `${address}/${Math.max(Number(prefix), Number(field.dataset.prefix))}` : "";
  };
  if (field.value === part()) field.dataset.suggested = field.value;
  whole.addEventListener("input", () => part() && suggest(field, part()));
}

// Values that came back (drafts.js) may be of another region.
form.addEventListener("kit:restored", () => form.querySelectorAll("[data-picker]").forEach(filter));

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
});

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".form-actions [type=submit]"));
  }
});
