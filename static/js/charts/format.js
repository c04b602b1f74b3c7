// Values, times and lengths of time as people read them, in the page's language. Unit symbols are the same in all.

import { written } from "../times.js";

const language = document.documentElement.lang || "en";
const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
const PREFIXES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function bytes(value) {
  let power = 0;
  for (; Math.abs(value) >= 1000 && power < PREFIXES.length - 1; power += 1) value /= 1024;
  return `${number.format(value)}\u00a0${PREFIXES[power]}`;
}

const FORMATS = {
  percent: (value) => `${number.format(value)}\u00a0%`,
  bytes,
  "bytes/s": (value) => `${bytes(value)}/s`,
  "1/s": (value) => `${number.format(value)}/s`,
  ms: (value) => `${number.format(value)} ms`,
  "": (value) => number.format(value),
};

// A value with its unit; `none` for a gap.
export function value(unit, given, none) {
  return given === null || given === undefined ? none : FORMATS[unit](given);
}

// Steps of an axis that end in round figures of the unit.
export function increments(unit) {
  if (!unit.startsWith("bytes")) return [1, 2, 2.5, 5].flatMap((n) => [...Array(16).keys()].map((p) => n * 10 ** (p - 3))).sort((a, b) => a - b);
  return [...Array(50).keys()].map((power) => 2 ** power);
}

export function clock(zone) {
  const make = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: "h23", ...options });
  const time = make({ hour: "2-digit", minute: "2-digit" });
  const day = make({ month: "short", day: "numeric" });
  const second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const at = (seconds) => new Date(seconds * 1000);
  return {
    full: (seconds) => written(at(seconds), zone),
    // Within `span` seconds: without the day where that goes without saying.
    within: (span, seconds) => (span > 86400 ? written(at(seconds), zone) : second.format(at(seconds))),
    // On an axis: the time, and the day where one begins or where only days are shown.
    tick: (seconds, step) => (step >= 86400 || time.format(at(seconds)) === "00:00" ? day : time).format(at(seconds)),
  };
}

export function length(seconds) {
  const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]].find(([, each]) => seconds >= each && seconds % each === 0);
  return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(seconds / size);
}

// "{a} of {b}" with its places filled.
export function fill(text, places) {
  return text.replace(/\{(\w+)\}/g, (_, name) => places[name] ?? "");
}
