"""What the tests took, by area, tried on small runs of pytest within this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import minutes

pytest_plugins = ["pytester"]


@pytest.fixture
def var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs within write, instead of beside the outer run's file."""
    monkeypatch.setattr(minutes, "VAR", tmp_path / "var")
    return tmp_path / "var"


def run(pytester: pytest.Pytester) -> None:
    folder = pytester.mkdir("tests") / "network"
    folder.mkdir(exist_ok=True)
    (folder / "test_slow.py").write_text(
        "import time\ndef test_slow(): time.sleep(0.2)\ndef test_fast(): pass\n"
    )
    (folder.parent / "test_top.py").write_text("def test_top(): sum(range(3_000_000))\n")
    pytester.runpytest_inprocess("-p", "tests.minutes", "-p", "no:django", "-p", "no:xdist")


def test_each_area_is_measured_when_a_part_is_named(
    pytester: pytest.Pytester, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCLOUD_TEST_PART", "fast")
    run(pytester)
    found: dict[str, Any] = json.loads((var / "test-minutes-fast.json").read_text())
    areas = found["areas"]
    assert {name: area["tests"] for name, area in areas.items()} == {"network": 2, "tests": 1}
    assert 0.2 <= areas["network"]["seconds"] <= found["wall"]
    assert areas["network"]["cpu"] < 0.2 and areas["tests"]["cpu"] > 0


def test_a_run_of_no_part_writes_nothing(
    pytester: pytest.Pytester, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCLOUD_TEST_PART", raising=False)
    run(pytester)
    assert not var.exists()


def written(var: Path, part: str, area: str, took: float) -> None:
    var.mkdir(exist_ok=True)
    spent = {"tests": 3, "seconds": took * 60, "cpu": 1.0}
    run = {"wall": took * 60, "start": 1.0, "areas": {area: spent}}
    (var / f"test-minutes-{part}.json").write_text(json.dumps(run))


@pytest.mark.parametrize(("took", "said"), [(0.3, ""), (0.6, "OVER BUDGET")])
def test_what_is_over_its_budget_is_printed(
    var: Path,
    capsys: pytest.CaptureFixture[str],
    took: float,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(minutes, "AREAS", {"pki": 0.5})
    written(var, "fast", "pki", took)
    minutes.main()
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("pki"))
    assert said in line and ("BUDGET" in line) == bool(said)


def test_an_area_is_the_sum_of_all_parts_and_a_new_one_has_a_budget(
    var: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(var, "fast", "gateways", 1.0)
    written(var, "hosts", "gateways", 2.5)
    written(var, "bench", "gateways", 60.0)  # no part of `make test`
    minutes.main()
    words = next(line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("gateways"))
    assert words[1:4] == ["6", "3.50", f"{minutes.NEW_AREA:.2f}"]
