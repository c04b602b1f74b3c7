"""The table of docs/outages.md: a row for each outage, kept between its markers. Tests that ran replace their rows.

Written only where SCLOUD_WRITE_OUTAGES is set, so that a usual run of the tests leaves the checkout as it is.
"""

from __future__ import annotations

import os
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "outages.md"
BEGIN, END = "<!-- rows of tests/recovery: begin -->\n", "<!-- rows of tests/recovery: end -->\n"
COLUMNS = (
    "outage",
    "accepted",
    "done",
    "failed clearly",
    "lost",
    "doubled",
    "longest wait to settle, s",
    "users saw",
)


@dataclass(frozen=True)
class Row:
    """What became of what was accepted before, during and after one outage."""

    outage: str
    accepted: int
    done: int
    failed: int
    lost: int
    doubled: int
    longest_seconds: float
    users_saw: str

    def line(self) -> str:
        """Return it as a line of the table."""
        cells = [f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in astuple(self)]
        return f"| {' | '.join(cells)} |\n"


def tell(row: Row) -> None:
    """Print the row, and put it into the page where that is wanted."""
    sys.stdout.write(row.line())
    if os.environ.get("SCLOUD_WRITE_OUTAGES"):
        PAGE.write_text(with_row(PAGE.read_text(), row))


def with_row(page: str, row: Row) -> str:
    """Return the page with the row in place of the one of the same outage, or after all others."""
    before, _begin, rest = page.partition(BEGIN)
    table, _end, after = rest.partition(END)
    lines = [line for line in table.splitlines(keepends=True)[2:] if line.strip()]
    places = [number for number, line in enumerate(lines) if line.startswith(f"| {row.outage} |")]
    if places:
        lines[places[0]] = row.line()
    else:
        lines.append(row.line())
    head = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}\n"
    return f"{before}{BEGIN}{head}{''.join(lines)}{END}{after}"
