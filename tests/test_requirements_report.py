"""The report of proven requirement rows, tried on small runs of pytest within this one."""

import json
from pathlib import Path

import pytest

from tests import requirements_report

pytest_plugins = ["pytester"]
PLUGIN = "tests.requirements_report"


@pytest.fixture
def outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the runs within write, instead of into the outer run's file."""
    monkeypatch.setattr(requirements_report, "OUTCOMES", tmp_path / "outcomes.json")
    return tmp_path / "outcomes.json"


def run(pytester: pytest.Pytester, body: str) -> pytest.RunResult:
    pytester.makeini("[pytest]\nmarkers = requirement(id): row")
    pytester.makepyfile(f"import pytest\n{body}")
    return pytester.runpytest_inprocess("-p", PLUGIN, "-p", "no:django", "-p", "no:xdist")


def test_a_row_passes_only_when_each_of_its_tests_does(pytester: pytest.Pytester, outcomes: Path) -> None:
    run(
        pytester,
        """
@pytest.mark.requirement("VM-1", "VM-3")
def test_good(): pass

@pytest.mark.requirement("VM-3")
def test_bad(): assert False
""",
    )

    seen = {node.split("::")[1]: outcome for node, outcome in json.loads(outcomes.read_text()).items()}
    assert seen["test_good"] == {"rows": ["VM-1", "VM-3"], "passed": True}
    assert seen["test_bad"] == {"rows": ["VM-3"], "passed": False}


def test_a_fixture_that_fails_leaves_the_row_unproven(pytester: pytest.Pytester, outcomes: Path) -> None:
    run(
        pytester,
        """
@pytest.fixture
def broken(): raise OSError

@pytest.mark.requirement("VM-1")
def test_it(broken): pass
""",
    )

    assert [outcome["passed"] for outcome in json.loads(outcomes.read_text()).values()] == [False]


def test_an_unknown_row_stops_the_run_at_collection(pytester: pytest.Pytester, outcomes: Path) -> None:
    result = run(pytester, '@pytest.mark.requirement("VM-999")\ndef test_it(): pass')

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*no row VM-999 in docs/requirements.md*"])
    assert not outcomes.exists()
