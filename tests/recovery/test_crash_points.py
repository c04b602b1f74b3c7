"""Every verb, broken at every driver call and every statement: it settles automatically or is repaired, nothing leaks.

In `make test` at a sample of them: all points of verbs whose app changed, each driver call broken in each way, and of
the rest a share (tests/recovery/crash/selection.py). Run by itself, or in `make campaign`, at all of them.
One campaign for all tests here: break everything, start the platform's own processes, wait, repair what failed, let
the stalled processes go on, and audit. Nothing is shortened: leases, sweeps and back-off are the product's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import timezone
from onebox import environment
from onebox.shell import OneboxError, patience, wait_until

from apps.lifecycle.models import Operation
from apps.reconciliation.models import Finding
from tests.platform_fixtures import Platform
from tests.recovery.audit import audit
from tests.recovery.conftest import SETTLE_SECONDS
from tests.recovery.crash import table
from tests.recovery.crash.breaking import verbs_with_a_handler
from tests.recovery.crash.explained import unexplained
from tests.recovery.crash.points import During, Point, Result, Way
from tests.recovery.crash.recipes import RECIPES
from tests.recovery.crash.verdicts import Outcome, Verdict, judge
from tests.sampling import chosen_now, is_whole

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(900),
    pytest.mark.campaign_itself,
]

PAGE = Path(__file__).parents[2] / "docs" / "recovery.md"
#: Set to have the page's table written again.
WRITE = "SCLOUD_WRITE_DOCS"


@dataclass(frozen=True)
class Outcomes:
    """What the campaign came to: `leaks` are the audit's sentences after all repairs."""

    result: Result
    verdicts: list[Verdict]
    repairs_failed: list[str]
    leaks: list[str]


@dataclass
class Runner:
    """The process that breaks things."""

    process: subprocess.Popen[str]

    def wait(self) -> None:
        """Wait until it says that it is done with what it was told last."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "done\n", "the runner died, its log says why"

    def tell(self, word: str) -> None:
        """Have it do something, and wait until it has."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self.wait()


@contextmanager
def runner(platform: Platform, result: Path, is_sample: bool) -> Iterator[Runner]:
    """Start the process that breaks things and wait until all is broken; ends it, stalled children too."""
    how = ["sample"] if is_sample else []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.recovery.crash.runner", str(result), *how],
        env=environment.for_process(platform.instance),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        started = Runner(process)
        started.wait()
        yield started
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def outcomes(
    memory_platform: Platform, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Outcomes:
    """Break, recover, repair, go on, audit."""
    path = tmp_path_factory.mktemp("crash") / "result.json"
    with runner(memory_platform, path, is_sample=not is_whole(pytestconfig)) as breaking:
        result = Result.read(path)
        memory_platform.start("worker", "beat")
        back = timezone.now()
        settle()
        verdicts = judge(result.broken, back)
        failed_before = set(failed())
        breaking.tell("repair")
        settle()
        repairs_failed = [str(row) for row in Operation.objects.filter(pk__in=set(failed()) - failed_before)]
        breaking.tell("go on")
    leaks = [*audit(), *map(_words, unexplained())]
    return Outcomes(result, verdicts, repairs_failed, leaks)


def _words(finding: Finding) -> str:
    what = f"{finding.rule} {finding.aspect} of {finding.kind}"
    return f"the reconciler has found: {finding}, {what} ({finding.state})"


def settle() -> None:
    """Wait until no operation is open; gives up in silence, since what is stuck is judged one by one."""
    try:
        wait_until(
            lambda: not Operation.objects.open().exists(),
            "all to settle",
            seconds=2 * SETTLE_SECONDS,
            every=0.5,
        )
    except OneboxError:
        return


def expected(point: Point) -> Outcome:
    """Return what a break must come to: a failure only where a backend refused for good, or time was up."""
    if point.during == During.REQUEST and point.way != Way.KILL_COMMITTED:
        return Outcome.NEVER
    gone_wrong = point.way == Way.PERMANENT or point.during == During.SWEEP
    return Outcome.OFFERED if gone_wrong else Outcome.SETTLED


def failed() -> list[object]:
    return list(Operation.objects.filter(status="failed").values_list("pk", flat=True))


def test_every_verb_that_has_a_handler_has_a_recipe() -> None:
    missing = sorted({verb.name for verb in verbs_with_a_handler()} - RECIPES.keys())
    assert not missing, f"say in tests/kinds how to ask for {', '.join(missing)}"


def test_every_point_was_reached(outcomes: Outcomes) -> None:
    assert [str(one.point) for one in outcomes.result.broken if not one.reached] == []


@pytest.mark.requirement("OP-1")
def test_a_request_is_one_transaction_and_leaves_all_or_nothing(outcomes: Outcomes) -> None:
    commits = {verb: phases["request"].commits for verb, phases in outcomes.result.traces.items()}
    assert {verb: n for verb, n in commits.items() if n != 1} == {}
    assert outcomes.result.torn == []


@pytest.mark.requirement("OP-2")
def test_whatever_is_broken_settles_in_time_and_nothing_but_refusals_fails(outcomes: Outcomes) -> None:
    wrong = [
        v for v in outcomes.verdicts if v.outcome != expected(v.point) or v.seconds > patience(SETTLE_SECONDS)
    ]
    assert [f"{v.point}: {v.outcome}, after {v.seconds:.0f} s" for v in wrong] == []


@pytest.mark.requirement("OP-4")
def test_what_failed_says_why_and_what_next_and_that_works(outcomes: Outcomes) -> None:
    assert any(v.outcome == Outcome.OFFERED for v in outcomes.verdicts), "nothing was refused for good"
    assert outcomes.repairs_failed == []


@pytest.mark.requirement("OP-2")
def test_nothing_leaks(outcomes: Outcomes) -> None:
    assert not outcomes.leaks, "\n".join(outcomes.leaks)


def test_the_table_is_told(
    outcomes: Outcomes, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    told = table.markdown(table.rows(outcomes.verdicts, outcomes.leaks))
    seconds = ", ".join(f"{what} {took:.0f} s" for what, took in outcomes.result.seconds.items())
    tried, possible = len({one.point for one in outcomes.result.broken}), outcomes.result.possible
    chosen_now(pytestconfig, "crash points", tried, possible)
    with capsys.disabled():
        print(f"\n{told}\n{seconds}")  # noqa: T201
    if WRITE in os.environ and tried == possible:
        table.write_into(PAGE, told)
    ways = Counter(verdict.point.way for verdict in outcomes.verdicts)
    assert ways.keys() == set(Way), f"never tried: {set(Way) - ways.keys()}"
