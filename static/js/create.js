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

// What is chosen must be of the chosen region: else the first one that is.
function chooseHere(picker) {
  const chosen = picker.querySelector(".pick.elsewhere input:checked");
  if (!chosen) return;
  const here = picker.querySelector(".pick:not(.elsewhere) input[type=radio]");
  if (here) here.checked = true;
  else chosen.checked = false;
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
});

form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".form-actions [type=submit]"));
  }
});
