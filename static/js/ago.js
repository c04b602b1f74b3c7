// Times that go on while the page is open.
//   time[data-ago]       "3 minutes ago", in the browser's own words for the page's language
//   time[data-elapsed]   "0:42": how long something has been running; the server says how many seconds it was

const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

function renew() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.round((Date.parse(time.dateTime) - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? UNITS.at(-1);
    const text = words.format(Math.trunc(seconds / length), unit);
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(renew, 15000);
document.addEventListener("visibilitychange", renew);

// By this browser's own clock from what the server said: their clocks may differ.
const begun = new WeakMap();

function tick() {
  if (document.hidden) return;
  for (const time of document.querySelectorAll("time[data-elapsed]")) {
    if (!begun.has(time)) begun.set(time, performance.now() - 1000 * Number(time.dataset.elapsed));
    const seconds = Math.floor((performance.now() - begun.get(time)) / 1000);
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, String(seconds % 60).padStart(2, "0")];
    const text = hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(tick, 1000);
document.addEventListener("visibilitychange", tick);
