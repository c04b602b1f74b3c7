"""A guest's text screen as noVNC shows it: typing on it, and reading it from the canvas's pixels."""

from __future__ import annotations

from collections.abc import Callable

from onebox.shell import wait_until
from playwright.sync_api import Page, expect

from tests.onebox.fabric import Guest

#: What a PC shows in text mode: 80 × 25 characters, each 9 × 16 pixels.
COLUMNS, ROWS = 80, 25
WIDTH, HEIGHT = 9 * COLUMNS, 16 * ROWS
#: A keyboard controller drops what comes on top of 16 bytes. A press is a byte and a release is one, of Shift too.
BYTES_A_KEY, KEYS_AT_ONCE = 2, 7
#: An interrupt is a byte.
TAKEN = "awk '$1 == \"1:\" { print $2 }' /proc/interrupts"
#: Processes on terminal 4:1 (tty1) that sleep where a program waits for keys: in a read (getty, login) or a poll (sh).
READERS = """
for process in /proc/[0-9]*; do
    set -- $(cat $process/stat) && [ "$7" = 1025 ] || continue
    case $(cat $process/wchan) in wait_woken | do_sys_poll) cat $process/comm ;; esac
done 2>/dev/null
"""

# Each character's place as a string of 0 and 1, by row and column.
_CELLS = """
() => {
  const canvas = document.querySelector("#screen canvas");
  if (!canvas || canvas.width !== 720 || canvas.height !== 400) return [];
  const pixels = canvas.getContext("2d").getImageData(0, 0, 720, 400).data;
  const cell = (column, row) => {
    let bits = "";
    for (let y = row * 16; y < row * 16 + 16; y++)
      for (let x = column * 9; x < column * 9 + 9; x++)
        bits += pixels[4 * (y * 720 + x) + 1] > 64 ? "1" : "0";
    return bits;
  };
  return [...Array(25).keys()].map((row) => [...Array(80).keys()].map((column) => cell(column, row)));
}
"""


class TextScreen:
    """Reads with glyphs it has learnt from a line whose text is known, so no font is needed."""

    def __init__(self, page: Page, guest: Guest) -> None:
        self._page = page
        self._guest = guest
        self._glyphs = {"0" * 9 * 16: " "}

    def cells(self) -> list[list[str]]:
        """Return the pixels of every character's place; [] while there is no text screen."""
        found: list[list[str]] = self._page.evaluate(_CELLS)
        return found

    def learn(self, text: str, row: int) -> bool:
        """Learn the glyphs of `text`, which stands alone on a row; False when the row cannot be that text."""
        cells = self.cells()
        if not cells or any(cell not in self._glyphs for cell in cells[row][len(text) :]):
            return False
        seen = dict(zip(cells[row], text, strict=False))
        if len(seen) != len(set(text)) or "0" * 9 * 16 in seen:
            return False
        self._glyphs |= seen
        return True

    def read(self) -> list[str]:
        """Return the screen's rows; what was not learnt reads as "?"."""
        return ["".join(self._glyphs.get(cell, "?") for cell in row).rstrip() for row in self.cells()]

    def type(self, text: str, reader: str) -> None:
        """Type a line for the program that reads the keyboard; of the characters that need Shift only "_"."""
        self._wait(lambda: reader in self._readers(), f"{reader} to read the keyboard")
        canvas = self._page.locator("#screen canvas")
        canvas.click()
        expect(canvas).to_be_focused()
        keys = ["Shift+Minus" if character == "_" else character for character in text] + ["Enter"]
        for first in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[first : first + KEYS_AT_ONCE]
            taken = self._taken() + sum(BYTES_A_KEY * len(key.split("+")) for key in some)
            for key in some:
                self._page.keyboard.press(key)
            self._wait(lambda taken=taken: self._taken() >= taken, f"the guest to take the keys {some}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what, seconds=240, every=0.1)

    def _readers(self) -> list[str]:
        """Return the names of what waits for input on the guest's screen."""
        return self._guest.shell(READERS).split()

    def _taken(self) -> int:
        """Return how many bytes the guest's keyboard controller has handed over."""
        return int(self._guest.shell(TAKEN))
