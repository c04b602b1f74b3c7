// Selecting rows of a list. The server says what can be done with them: the same rule as for one row.
// Without this module the check boxes and the buttons below the table are a plain form.
//   input[name=key][form=bulk]  a row's check box     [data-pick-page]  all of this page
//   #bulk                       the bar               [data-bulk-all]   all that match the filters, not only this page

let last = null; // where a range begins
let timer = 0;
let asked = null;

const bar = () => document.getElementById("bulk");
const boxes = () => [...document.querySelectorAll('input[name="key"][form="bulk"]')];
const allBox = () => bar()?.querySelector("[data-bulk-all]");

function paint() {
  const form = bar();
  if (!form) return;
  const every = boxes();
  const picked = every.filter((box) => box.checked);
  for (const box of every) box.closest("tr").classList.toggle("picked", box.checked);
  const head = document.querySelector("[data-pick-page]");
  if (head) {
    head.checked = picked.length > 0 && picked.length === every.length;
    head.indeterminate = picked.length > 0 && !head.checked;
  }
  const on = picked.length > 0 || Boolean(allBox()?.checked);
  form.classList.toggle("on", on);
  clearTimeout(timer);
  if (on) timer = setTimeout(judge, 50);
  else asked?.abort();
}

// What is possible with these rows now, and the reason for what is not.
async function judge() {
  const form = bar();
  asked?.abort();
  asked = new AbortController();
  const query = new URLSearchParams();
  if (allBox()?.checked) {
    query.set("all", "1");
    query.set("query", form.elements.query.value);
  } else {
    for (const box of boxes()) if (box.checked) query.append("key", box.value);
  }
  const url = `${form.getAttribute("action")}?${query}`;
  const answer = await fetch(url, { headers: { "HX-Request": "true" }, signal: asked.signal }).catch(() => null);
  const html = answer && (await answer.text().catch(() => null));
  if (html === null || bar() !== form) return;
  const retarget = answer.headers.get("HX-Retarget");
  if (retarget) document.querySelector(retarget).insertAdjacentHTML("beforeend", html);
  if (answer.ok) show(form.querySelector("[data-bulk-now]"), html);
  else if (allBox()?.checked) allBox().click();
}

function show(place, html) {
  const focused = place.contains(document.activeElement) ? document.activeElement.value : "";
  const fetched = document.createElement("template");
  fetched.innerHTML = html;
  // The parts stay and their content changes: what is read aloud must have been there before.
  for (const part of [".bulk-count", ".bulk-verbs"]) {
    place.querySelector(part).replaceChildren(...fetched.content.querySelector(part).childNodes);
  }
  if (focused) [...place.querySelectorAll("button")].find((one) => one.value === focused)?.focus();
}

function pickRange(box) {
  const every = boxes();
  const [from, to] = [every.indexOf(last), every.indexOf(box)].sort((a, b) => a - b);
  if (from < 0) return;
  for (const one of every.slice(from, to + 1)) one.checked = box.checked;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.('input[name="key"][form="bulk"]');
  if (box) {
    if (event.shiftKey && last) pickRange(box);
    last = box;
    if (allBox()) allBox().checked = false;
    paint();
  } else if (event.target.closest?.("[data-pick-page]")) {
    pickPage(event.target.checked);
  } else if (event.target.closest?.("[data-bulk-all]")) {
    pickPage(event.target.checked, event.target.checked);
  } else if (event.target.closest?.("[data-bulk-clear]")) {
    pickPage(false);
    document.querySelector("[data-pick-page]")?.focus();
  }
});

function pickPage(checked, all = false) {
  for (const box of boxes()) box.checked = checked;
  if (allBox()) allBox().checked = all;
  last = null;
  paint();
}

// A range is picked with the shift key, which would also mark the text in between.
document.addEventListener("mousedown", (event) => {
  if (event.shiftKey && event.target.closest?.(".row-pick")) event.preventDefault();
});

// Another table has come, or rows have changed: what was possible may not be any more.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target.id === "list" || event.detail.elt?.id === "list") paint();
});
document.addEventListener("kit:rows", paint);
window.addEventListener("pageshow", paint);
paint();
