// Text and key combinations as key presses of a US keyboard, which is what QEMU gives every guest.

import { pause } from "./tickets.js";

// A guest's keyboard controller holds 16 bytes; faster than this and keys get lost while it boots.
const KEY_MS = 15;
const SHIFT = "ShiftLeft";

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

export async function type(rfb, text, { signal, progress = () => {} } = {}) {
  const characters = [...text.replaceAll("\r\n", "\n")];
  for (const [position, character] of characters.entries()) {
    const key = keyOf(character);
    if (key) {
      press(rfb, key.shift ? [SHIFT, key.code] : [key.code], character);
      await pause(KEY_MS, signal);
    }
    progress(position + 1, characters.length);
  }
}

export function press(rfb, codes, character) {
  for (const code of codes) rfb.sendKey(keysymOf(code, code === codes.at(-1) ? character : undefined), code, true);
  for (const code of [...codes].reverse()) rfb.sendKey(keysymOf(code, code === codes.at(-1) ? character : undefined), code, false);
}
