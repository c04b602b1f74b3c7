"""Minutes that the tests took, by area and part, beside their budgets.

As a pytest plugin it writes var/test-minutes-<part>.json when SCLOUD_TEST_PART names a part, as the Makefile does.
`python -m tests.minutes` prints the table. Nothing fails by its budget: machines differ.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.budgets import AREAS, NEW_AREA, PARTS

VAR = Path(__file__).resolve().parent.parent / "var"
PREFIX = "test-minutes-"
CPU = "cpu_seconds"


@dataclass
class Spent:
    """seconds: by the clock, summed over processes. cpu: of the test processes and of children that ended."""

    tests: int = 0
    seconds: float = 0.0
    cpu: float = 0.0


def area_of(nodeid: str) -> str:
    """Return the folder of tests/ that a test stands in; "tests" for one that stands in none."""
    parts = nodeid.partition("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[0]


def _cpu() -> float:
    """Return the processor seconds of this process and of its children that ended."""
    return sum(os.times()[:4])


class CpuMeter:
    """Sends each test's processor seconds with its last report, from xdist's workers too."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        self._before = _cpu()
        return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> None:
        if call.when == "teardown":
            item.user_properties.append((CPU, _cpu() - self._before))


class Recorder:
    """Sums up the reports of all processes and writes them when the session ends."""

    def __init__(self, part: str) -> None:
        self.part, self.began, self.first = part, time.monotonic(), 0.0
        self.areas: defaultdict[str, Spent] = defaultdict(Spent)

    def pytest_runtest_logstart(self) -> None:
        self.first = self.first or time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        spent = self.areas[area_of(report.nodeid)]
        spent.seconds += report.duration
        if report.when == "teardown":
            spent.tests += 1
            spent.cpu += sum(float(str(value)) for name, value in report.user_properties if name == CPU)

    def pytest_sessionfinish(self) -> None:
        VAR.mkdir(exist_ok=True)
        found = {
            "wall": time.monotonic() - self.began,
            "start": max(0.0, self.first - self.began),
            "areas": {area: asdict(spent) for area, spent in sorted(self.areas.items())},
        }
        (VAR / f"{PREFIX}{self.part}.json").write_text(json.dumps(found, indent=1))


def pytest_configure(config: pytest.Config) -> None:
    """Measure in every process, record in the one that sees all reports."""
    config.pluginmanager.register(CpuMeter(), "cpu-meter")
    part = os.environ.get("SCLOUD_TEST_PART", "")
    if part and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(part), "minutes-recorder")


@dataclass(frozen=True)
class Line:
    """One line of the table; minutes."""

    name: str
    tests: int
    minutes: float
    budget: float
    note: str = ""

    @property
    def verdict(self) -> str:
        return "OVER BUDGET" if self.minutes > self.budget else ""

    def __str__(self) -> str:
        said = " ".join(filter(None, (self.note, self.verdict)))
        return f"{self.name:<18} {self.tests:>6} {self.minutes:>8.2f} {self.budget:>8.2f}  {said}".rstrip()


def stored() -> dict[str, dict[str, object]]:
    """Return what the last runs wrote, by part."""
    files = sorted(VAR.glob(f"{PREFIX}*.json"))
    return {file.stem.removeprefix(PREFIX): json.loads(file.read_text()) for file in files}


def by_area(runs: dict[str, dict[str, object]]) -> Iterator[Line]:
    """Yield a line for each area, the slowest first."""
    total: defaultdict[str, Spent] = defaultdict(Spent)
    for run in runs.values():
        areas: dict[str, dict[str, float]] = run["areas"]  # type: ignore[assignment]
        for area, values in areas.items():
            total[area].tests += int(values["tests"])
            total[area].seconds += values["seconds"]
            total[area].cpu += values["cpu"]
    for area, spent in sorted(total.items(), key=lambda one: -one[1].seconds):
        budget = AREAS.get(area, NEW_AREA)
        yield Line(area, spent.tests, spent.seconds / 60, budget, f"{spent.cpu / 60:.2f} of CPU")


def by_part(runs: dict[str, dict[str, object]]) -> Iterator[Line]:
    """Yield a line for each part that has a budget."""
    for part in PARTS.keys() & runs.keys():
        run = runs[part]
        areas: dict[str, dict[str, int]] = run["areas"]  # type: ignore[assignment]
        tests = sum(values["tests"] for values in areas.values())
        note = f"{float(str(run['start'])):.0f} s before the first test"
        yield Line(f"part {part}", tests, float(str(run["wall"])) / 60, PARTS[part], note)


def main() -> None:
    """Print the table."""
    runs = {part: run for part, run in stored().items() if part in PARTS}
    lines = [*by_area(runs), *sorted(by_part(runs), key=lambda line: list(PARTS).index(line.name[5:]))]
    print(f"{'area':<18} {'tests':>6} {'minutes':>8} {'budget':>8}")
    for line in lines:
        print(line)


if __name__ == "__main__":
    main()
