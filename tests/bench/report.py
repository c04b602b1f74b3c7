"""Figures beside their aims: a table on the terminal, and the same as JSON under var/bench/."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

DIRECTORY = Path(__file__).resolve().parents[2] / "var" / "bench"


@dataclass(frozen=True)
class Figure:
    """One measurement. `aim` is the most allowed, or with `at_least` the least; None: only told."""

    what: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """The value over its aim."""
        return None if self.aim is None else self.value / self.aim

    @property
    def verdict(self) -> str:
        """Whether the aim was met."""
        if self.aim is None:
            return ""
        return "met" if (self.value >= self.aim if self.at_least else self.value <= self.aim) else "MISSED"


def report(name: str, figures: Sequence[Figure]) -> None:
    """Print the figures and write them to var/bench/NAME.json."""
    load = os.getloadavg()[0]
    width = max(len(figure.what) for figure in figures)
    print(f"\n\n{name} ({os.cpu_count()} CPUs, load {load:.1f})")
    for figure in figures:
        print(f"  {figure.what:{width}}  {figure.value:9.4g} {figure.unit:6} {_beside(figure)}".rstrip())
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    document = {
        "cpus": os.cpu_count(),
        "load": load,
        "figures": [{**asdict(f), "ratio": f.ratio, "verdict": f.verdict} for f in figures],
    }
    (DIRECTORY / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")


def _beside(figure: Figure) -> str:
    if figure.aim is None:
        return ""
    side = "at least" if figure.at_least else "at most"
    return f"aim {side} {figure.aim:g}, ratio {figure.ratio:.2f}, {figure.verdict}"
