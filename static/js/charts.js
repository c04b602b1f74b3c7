// Charts of what was measured: <div data-charts data-api=… data-range=…> with a [data-chart] for each.
// The range stands in the URL. While it ends now, a push that new samples are there fetches it again.
// With data-more, the address of such a page, it is the small form of an overview: one range, and what is chosen opens there.
import { clock, fill, length, value } from "./charts/format.js";
import { plot } from "./charts/plot.js";

const SPREAD = 2000; // all open pages hear of new samples at once; they need not ask at once

function mount(root) {
  const say = root.dataset;
  const times = clock(say.zone);
  const cards = [...root.querySelectorAll("[data-chart]")].map((element) => card(element));
  const status = root.querySelector("[data-status]");
  const reset = root.querySelector("[data-reset]");
  const download = root.querySelector("[data-download]");
  let preset = say.range; // the last one chosen: where a zoom goes back to
  let answer = null;
  let asked = 0;
  let timer = 0;
  let fetched = 0;

  function card(element) {
    const rows = [...element.querySelectorAll("tr[data-name]")];
    const about = { unit: element.dataset.unit, ceiling: element.dataset.ceiling, height: Number(element.dataset.height), names: rows.map((row) => row.dataset.name) };
    const on = { zoom, reset: unzoom, cursor: (index) => point(made, index) };
    const made = { element, rows, about, columns: [] };
    made.plot = plot(element.querySelector("[data-plot]"), about, times, say.zone, on);
    return made;
  }

  // -- what is shown, by the URL -------------------------------------------------------------------------------------

  function wanted() {
    if (say.more) return { range: say.range };
    const query = new URLSearchParams(location.search);
    if (query.get("start") && query.get("end")) return { start: query.get("start"), end: query.get("end") };
    const known = root.querySelector(`a[data-range="${CSS.escape(query.get("range") || "")}"]`);
    return { range: known ? known.dataset.range : say.default };
  }

  function lead(query) {
    if (say.more) return void location.assign(`${say.more}?${new URLSearchParams(query)}`);
    history.pushState(null, "", `?${new URLSearchParams(query)}`);
    load();
  }

  function zoom(start, end) {
    const iso = (seconds) => new Date(Math.round(seconds) * 1000).toISOString();
    const query = { start: iso(start), end: iso(Math.max(end, start + 60)) };
    if (new URLSearchParams(query).toString() !== location.search.slice(1)) lead(query);
  }

  function unzoom() {
    if (wanted().start) lead({ range: preset });
  }

  // -- fetching ----------------------------------------------------------------------------------------------------------

  async function load(background = false) {
    clearTimeout(timer);
    timer = 0;
    fetched = Date.now();
    const number = (asked += 1);
    const query = wanted();
    if (query.range) preset = query.range;
    mark(query);
    // In the background: what the page fetches by itself keeps no session alive.
    const headers = background ? { Accept: "application/json", "X-Background": "true" } : { Accept: "application/json" };
    const response = await fetch(`${say.api}?${new URLSearchParams(query)}`, { headers }).catch(() => null);
    const found = response?.ok ? await response.json() : null;
    if (number !== asked) return;
    if (found) draw((answer = found), query);
    else status.textContent = say.failed;
  }

  // New samples are there: worth fetching while the range ends now, and once a step of what is shown has gone by.
  function renew() {
    const step = Number(answer?.step_seconds ?? 0);
    const due = fetched + (step > 60 ? step * 1000 : 5000); // hosts tell within seconds of each other
    if (wanted().range && !timer && Date.now() >= due) timer = setTimeout(() => load(true), Math.random() * SPREAD);
  }

  function mark(query) {
    for (const link of root.querySelectorAll("a[data-range]")) {
      if (link.dataset.range === query.range) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    if (reset) reset.hidden = Boolean(query.range);
  }

  // -- showing -----------------------------------------------------------------------------------------------------------

  function draw(found, query) {
    const [start, end] = [Date.parse(found.start) / 1000, Date.parse(found.end) / 1000];
    const step = length(found.step_seconds);
    status.textContent = query.range
      ? fill(say.asOf, { time: times.full(end), step })
      : fill(say.zoomed, { start: times.full(start), end: times.full(end), step });
    for (const each of cards) {
      each.columns = each.about.names.map((name) => found.metrics.find((one) => one.name === name).values);
      each.plot.show(start, end, found.times, each.columns);
      summarise(each, found);
      point(each, null);
    }
    if (download) download.disabled = false;
  }

  function summarise(each, found) {
    const texts = each.rows.map((row, index) => {
      const known = each.columns[index].filter((one) => one !== null);
      const mean = known.length ? known.reduce((sum, one) => sum + one, 0) / known.length : null;
      const figures = { min: known.length ? Math.min(...known) : null, mean, max: known.length ? Math.max(...known) : null };
      const shown = { name: row.cells[0].textContent.trim(), now: text(each, newest(each, index)) };
      for (const [name, figure] of Object.entries(figures)) {
        shown[name] = text(each, figure);
        const place = row.querySelector(`[data-${name}]`);
        if (place) place.textContent = shown[name];
      }
      return known.length ? fill(say.says, shown) : "";
    });
    const empty = each.element.querySelector("[data-empty]");
    empty.hidden = texts.some(Boolean);
    empty.textContent = empty.hidden ? "" : nothing(found);
    each.element.classList.toggle("chart-nothing", !empty.hidden);
    const title = each.element.querySelector("h2, h3").textContent;
    each.element.querySelector("[data-plot]").setAttribute("aria-label", [title, ...(empty.hidden ? texts : [empty.textContent])].filter(Boolean).join(". "));
  }

  function nothing(found) {
    if (!found.last_sample_at) return say.never;
    return `${say.empty} ${fill(say.last, { time: times.full(Date.parse(found.last_sample_at) / 1000) })}`;
  }

  // The last value of the range, if it is not older than a few steps.
  function newest(each, index) {
    const column = each.columns[index];
    const steps = Math.max(2, Math.ceil(120 / answer.step_seconds));
    return column.slice(-steps).findLast((one) => one !== null) ?? null;
  }

  // The first column follows the cursor; without one it has the present values.
  function point(each, index) {
    if (!answer) return;
    const at = index === null || index === undefined ? null : answer.times[index];
    const when = each.element.querySelector("[data-when]");
    if (when) when.textContent = at ? times.within(answer.times.at(-1) - answer.times[0], at) : wanted().range ? say.now : say.end;
    each.rows.forEach((row, number) => {
      const shown = at ? each.columns[number][index] : newest(each, number);
      row.querySelector("[data-value]").textContent = text(each, shown);
    });
  }

  function text(each, figure) {
    return value(each.about.unit, figure, say.none);
  }

  function save() {
    const head = [say.time, ...answer.metrics.map((one) => (one.unit ? `${one.name} (${one.unit})` : one.name))];
    const lines = answer.times.map((at, index) => [new Date(at * 1000).toISOString(), ...answer.metrics.map((one) => one.values[index] ?? "")]);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([[head, ...lines].map((cells) => cells.join(",")).join("\r\n")], { type: "text/csv" }));
    link.download = `${say.file}-metrics.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  root.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-range]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    lead({ range: link.dataset.range });
  });
  reset?.addEventListener("click", unzoom);
  download?.addEventListener("click", save);
  addEventListener("popstate", () => load());
  document.addEventListener("kit:changed", (event) => event.detail.some((one) => one.kind === "metrics") && renew());
  new MutationObserver(() => cards.forEach((each) => each.plot.redraw())).observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
  load();
}

document.querySelectorAll("[data-charts]").forEach(mount);
