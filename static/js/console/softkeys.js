// A phone shows its keyboard for a text field only. What is typed into this hidden one goes to the screen; a phone's
// keyboard rewrites words while they are composed, so what changed in the field is what is typed.

import { press, type } from "./typing.js";

const PAD = "..........";
const LONG = 80;

export function softKeys(field, button, current) {
  let before = PAD;
  const reset = () => { field.value = before = PAD; field.setSelectionRange(PAD.length, PAD.length); };
  button.addEventListener("click", () => { reset(); field.focus(); });
  field.addEventListener("input", () => {
    const rfb = current();
    const now = field.value;
    let same = 0;
    while (same < before.length && before[same] === now[same]) same++;
    if (rfb) {
      for (let at = same; at < before.length; at++) press(rfb, ["Backspace"]);
      type(rfb, now.slice(same));
    }
    before = now;
    if (now.length < 2 || now.length > LONG || now.endsWith("\n")) reset();
  });
}
