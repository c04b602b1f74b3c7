// A time as the server writes it (apps/lifecycle/times.py): "2026-11-29 23:04:05". Swedish has this style, to the letter.

const STYLE = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };

// In a time zone; without one, by this browser's own clock.
export function written(at, timeZone) {
  return new Intl.DateTimeFormat("sv-SE", { ...STYLE, timeZone }).format(at);
}
