// "3 minutes ago" stays true while the page is open; the words are the browser's own, in the page's language.

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
