// Text and key combinations as key presses of a US keyboard, which is what QEMU gives every guest.

import { pause } from "./tickets.js";

// QEMU gives a guest one event of a key in 10 ms and keeps about 340 that come faster. Further ones are lost, and if one
// is the release of Shift, all that follows is in capitals.
const EVENT_MS = 12;
const SHIFT = "ShiftLeft";
const MODIFIERS = [SHIFT, "ControlLeft", "AltLeft", "MetaLeft"];

const KEYSYMS = {
  ShiftLeft: 0xffe1, ControlLeft: 0xffe3, AltLeft: 0xffe9, MetaLeft: 0xffeb, Enter: 0xff0d, Tab: 0xff09,
  Escape: 0xff1b, Backspace: 0xff08, Delete: 0xffff, PrintScreen: 0xff61, ArrowUp: 0xff52, ArrowDown: 0xff54,
  ArrowLeft: 0xff51, ArrowRight: 0xff53, Home: 0xff50, End: 0xff57, PageUp: 0xff55, PageDown: 0xff56,
};
for (let n = 1; n <= 12; n++) KEYSYMS[`F${n}`] = 0xffbd + n;

const PLAIN = {
  " ": "Space", "\n": "Enter", "\t": "Tab", "-": "Minus", "=": "Equal", "[": "BracketLeft", "]": "BracketRight",
  "\\": "Backslash", ";": "Semicolon", "'": "Quote", "`": "Backquote", ",": "Comma", ".": "Period", "/": "Slash",
};
const SHIFTED = {
  "!": "Digit1", "@": "Digit2", "#": "Digit3", $: "Digit4", "%": "Digit5", "^": "Digit6", "&": "Digit7",
  "*": "Digit8", "(": "Digit9", ")": "Digit0", _: "Minus", "+": "Equal", "{": "BracketLeft", "}": "BracketRight",
  "|": "Backslash", ":": "Semicolon", '"': "Quote", "~": "Backquote", "<": "Comma", ">": "Period", "?": "Slash",
};

function keyOf(character) {
  if (/^[a-z]$/.test(character)) return { code: `Key${character.toUpperCase()}`, shift: false };
  if (/^[A-Z]$/.test(character)) return { code: `Key${character}`, shift: true };
  if (/^[0-9]$/.test(character)) return { code: `Digit${character}`, shift: false };
  if (character in PLAIN) return { code: PLAIN[character], shift: false };
  if (character in SHIFTED) return { code: SHIFTED[character], shift: true };
  return null;
}

function keysymOf(code, character) {
  return KEYSYMS[code] ?? character?.codePointAt(0) ?? code.replace(/^(Key|Digit)/, "").toLowerCase().codePointAt(0);
}

export function untypeable(text) {
  return [...new Set(text.replaceAll("\r\n", "\n"))].filter((character) => !keyOf(character)).join("");
}

export function type(rfb, text, { signal, progress = () => {} } = {}) {
  const characters = [...text.replaceAll("\r\n", "\n")];
  return inTurn(rfb, async () => {
    releaseModifiers(rfb);
    try {
      for (const [position, character] of characters.entries()) {
        signal?.throwIfAborted();
        const key = keyOf(character);
        if (key) await stroke(rfb, key.shift ? [SHIFT, key.code] : [key.code], character);
        progress(position + 1, characters.length);
      }
    } finally {
      releaseModifiers(rfb);
    }
  });
}

export function press(rfb, codes) {
  return inTurn(rfb, () => stroke(rfb, codes));
}

// The events of two texts must not mix.
const turns = new WeakMap();

function inTurn(rfb, work) {
  const turn = (turns.get(rfb) ?? Promise.resolve()).then(work);
  turns.set(rfb, turn.catch(() => {}));
  return turn;
}

async function stroke(rfb, codes, character) {
  const symbol = (code) => keysymOf(code, code === codes.at(-1) ? character : undefined);
  for (const code of codes) await send(rfb, symbol(code), code, true);
  for (const code of [...codes].reverse()) await send(rfb, symbol(code), code, false);
}

async function send(rfb, keysym, code, down) {
  rfb.sendKey(keysym, code, down);
  await pause(EVENT_MS);
}

// QEMU ignores the release of a key that is not down.
function releaseModifiers(rfb) {
  for (const code of MODIFIERS) rfb.sendKey(KEYSYMS[code], code, false);
}
