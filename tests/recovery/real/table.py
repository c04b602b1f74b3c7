"""The table of broken real operations: printed by the test, and written to docs/recovery.md on request."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from apps.lifecycle.models import Operation
from tests.recovery.real.points import Point

PAGE = Path(__file__).resolve().parents[3] / "docs" / "recovery.md"
BEGIN, END = "<!-- real hosts: written by tests/recovery/real/table.py -->", "<!-- end of real hosts -->"
HEAD = (
    "| operation | broken at the call | in the | how | attempts | settled after |",
    "| --- | --- | --- | --- | --- | --- |",
)


def show(rows: Sequence[tuple[Point, Operation, float]]) -> None:
    """Print a row for each point; with SCLOUD_WRITE_RECOVERY=1 put them into the page, between its markers."""
    lines = [*HEAD, *sorted(_line(*row) for row in rows)]
    sys.stdout.write("\n".join(lines) + "\n")
    if os.environ.get("SCLOUD_WRITE_RECOVERY"):
        text = PAGE.read_text()
        before, _, rest = text.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}")


def _line(point: Point, operation: Operation, seconds: float) -> str:
    call, _, moment = point.call.partition(":")
    how = {"die": "killed"}.get(point.action, point.action)
    return (
        f"| {point.verb} | {moment} `{call}` | {point.side} | {how} | {operation.attempt} | {seconds:.0f} s |"
    )
