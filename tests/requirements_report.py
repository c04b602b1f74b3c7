"""Which rows of docs/requirements.md have a passing test.

As a pytest plugin it notes the outcome of every test marked `requirement("VM-3")` in var/requirements.json; a mark with
an unknown ID stops the run at collection. `python -m tests.requirements_report` (make requirements) prints the rows.
Runs add up: a test's last outcome counts, and outcomes of tests that no longer exist are dropped.
"""

import fcntl
import json
import re
from collections.abc import Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROWS = ROOT / "docs" / "requirements.md"
PARTIAL = ROOT / "docs" / "requirements-partial.md"
OUTCOMES = ROOT / "var" / "requirements.json"
ROW = re.compile(r"^\| ([A-Z]{2}-\d+) \| (.+) \|$", re.MULTILINE)
PROPERTY = "requirement"

Outcomes = dict[str, dict[str, object]]  # a test's node id -> {"rows": [...], "passed": bool}


def rows() -> dict[str, str]:
    """Requirement ID to text, in the order of docs/requirements.md."""
    return dict(ROW.findall(ROWS.read_text()))


def missing() -> dict[str, str]:
    """Requirement ID to what is still missing, for rows whose tests prove a part only."""
    return dict(ROW.findall(PARTIAL.read_text()))


def marked_rows(item: pytest.Item) -> list[str]:
    """IDs on a test, its class and its module; each mark may name several."""
    return sorted({str(name) for mark in item.iter_markers("requirement") for name in mark.args})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known = rows()
    for item in items:
        marked = marked_rows(item)
        item.user_properties += [
            (PROPERTY, name) for name in marked
        ]  # travels with the report from xdist's workers
        unknown = [name for name in marked if name not in known]
        if unknown and not in_worker(config):
            raise pytest.UsageError(f"{item.nodeid}: no row {unknown[0]} in docs/requirements.md")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The same error as at collection, where xdist's workers would only report an internal error."""
    unknown = set(marked_rows(item)) - set(rows()) if in_worker(item.config) else set()
    if unknown:
        pytest.fail(f"no row {min(unknown)} in docs/requirements.md", pytrace=False)


def in_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


class Recorder:
    """Collects outcomes in the process that sees all reports, and writes them when the session ends."""

    def __init__(self) -> None:
        self.seen: Outcomes = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        marked = [str(value) for name, value in report.user_properties if name == PROPERTY]
        if not marked:
            return
        before = self.seen.get(report.nodeid, {"passed": True})
        ok = report.passed or (report.when != "call" and not report.failed)
        self.seen[report.nodeid] = {"rows": marked, "passed": bool(before["passed"]) and ok}

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        yield
        if self.seen:
            OUTCOMES.parent.mkdir(exist_ok=True)
            with OUTCOMES.with_suffix(".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)  # another run may end at the same moment
                OUTCOMES.write_text(
                    json.dumps({**still_there(stored()), **self.seen}, indent=1, sort_keys=True)
                )


def pytest_configure(config: pytest.Config) -> None:
    if not in_worker(config):
        config.pluginmanager.register(Recorder(), "requirements-recorder")


def stored() -> Outcomes:
    """Outcomes of earlier runs."""
    return json.loads(OUTCOMES.read_text()) if OUTCOMES.exists() else {}


def still_there(outcomes: Outcomes) -> Outcomes:
    """Without tests whose file has gone or no longer holds the function."""
    return {node: seen for node, seen in outcomes.items() if exists(node)}


def exists(node: str) -> bool:
    file, *names = node.split("[", maxsplit=1)[0].split("::")
    return (ROOT / file).exists() and f"def {names[-1]}(" in (ROOT / file).read_text()


def main() -> None:
    """Print every row with its number of passing tests; failing tests and missing parts are named."""
    outcomes, partly = still_there(stored()), missing()
    whole = part = 0
    for name, text in rows().items():
        tests = {node: seen for node, seen in outcomes.items() if name in seen["rows"]}
        failed = [node for node, seen in tests.items() if not seen["passed"]]
        proven = bool(tests and not failed)
        mark = "FAIL" if failed else f"{len(tests):>4}" if tests else "   -"
        whole, part = whole + (proven and name not in partly), part + (proven and name in partly)
        print(f"{mark}  {name:<6} {text[:100]}")
        if proven and name in partly:
            print(f"        part; missing: {partly[name]}")
        for node in failed:
            print(f"        {node}")
    print(f"\n{whole} of {len(rows())} rows are proven by tests, {part} more in part.")


if __name__ == "__main__":
    main()
