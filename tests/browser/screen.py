"""A guest's text screen as noVNC shows it: typing on it, and reading it from the canvas's pixels."""

from __future__ import annotations

from playwright.sync_api import Page

#: What a PC shows in text mode: 80 × 25 characters, each 9 × 16 pixels.
COLUMNS, ROWS = 80, 25
WIDTH, HEIGHT = 9 * COLUMNS, 16 * ROWS

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

    def __init__(self, page: Page) -> None:
        self._page = page
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

    def type(self, text: str) -> None:
        """Type a line on the guest's keyboard; of the characters that need Shift only "_"."""
        self._page.locator("#screen canvas").click()
        for character in text:
            self._page.keyboard.press("Shift+Minus" if character == "_" else character, delay=40)
        self._page.keyboard.press("Enter")
