"""What is broken, where and how."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path


class During(StrEnum):
    """`REQUEST`: the web process takes the request. `RUN`: a worker carries it out.

    `SWEEP`: one looks for what fell through.
    """

    REQUEST = "request"
    RUN = "run"
    SWEEP = "sweep"


class Way(StrEnum):
    """How a process or a call is broken. The first seven are at a driver call, the last three at a statement."""

    KILL_BEFORE = "killed before the call"
    KILL_AFTER = "killed after the call"
    LOSE_ANSWER = "answer lost"
    TRANSIENT = "transient error"
    PERMANENT = "permanent error"
    STALL_BEFORE = "stalled before the call"
    STALL_AFTER = "stalled after the call"
    KILL_AT_STATEMENT = "killed before a statement"
    KILL_UNCOMMITTED = "killed before a commit"
    KILL_COMMITTED = "killed after a commit"


#: What stands in the verb's place where the sweeper is broken.
SWEEP = "(sweep)"
KILLS = (Way.KILL_BEFORE, Way.KILL_AFTER)
ERRORS = (Way.LOSE_ANSWER, Way.TRANSIENT, Way.PERMANENT)
PUSHED_WAYS = (Way.KILL_AFTER, Way.LOSE_ANSWER, Way.STALL_BEFORE)
CALL_WAYS = (*KILLS, *ERRORS, Way.STALL_BEFORE)
#: Ends the words for a statement that was made in a transaction.
INSIDE = ", in a transaction"


@dataclass(frozen=True)
class Trace:
    """What one phase of a clean run did: driver calls and statements in order, and after which statement it committed.

    A commit without a statement before it in a block is a statement's own.
    """

    calls: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()
    commits: int = 0


@dataclass(frozen=True)
class Point:
    """One break: the `number`-th (from 1) driver call, statement or commit of `verb` in that phase.

    `then` is the verb asked for next, which pushes the broken one aside; "" for none. `where` is for people.
    """

    verb: str
    during: During
    way: Way
    number: int
    where: str = ""
    then: str = ""

    def __str__(self) -> str:
        pushed = f", then {self.then}" if self.then else ""
        return f"{self.verb}, {self.during}, {self.way} {self.number} ({self.where}){pushed}"


@dataclass
class Broken:
    """A point that was broken. `operation` is "" when the request never came to be; `reached` when it broke at all."""

    point: Point
    reached: bool
    target: str = ""
    operation: str = ""
    then_operation: str = ""


@dataclass
class Result:
    """All that the runner did, as it writes it for the test to read."""

    broken: list[Broken] = field(default_factory=list)
    traces: dict[str, dict[str, Trace]] = field(default_factory=dict)
    #: Sentences about requests that were neither whole nor nothing.
    torn: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    #: How many points there are; fewer are broken where a sample is.
    possible: int = 0

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path) -> Result:
        """Read what `write` wrote."""
        raw = json.loads(path.read_text())
        return cls(
            broken=[Broken(**{**one, "point": _point(one["point"])}) for one in raw["broken"]],
            traces={
                verb: {during: Trace(**{**t, "calls": tuple(t["calls"])}) for during, t in phases.items()}
                for verb, phases in raw["traces"].items()
            },
            torn=raw["torn"],
            seconds=raw["seconds"],
            possible=raw["possible"],
        )


def _point(raw: dict[str, str]) -> Point:
    return Point(
        raw["verb"], During(raw["during"]), Way(raw["way"]), int(raw["number"]), raw["where"], raw["then"]
    )


def request_points(verb: str, trace: Trace) -> Iterator[Point]:
    """Return every boundary between statements of a request, and the one between its commit and the doorbell."""
    yield from _statement_points(verb, During.REQUEST, trace)


def run_points(verb: str, trace: Trace, ways: Sequence[Way]) -> Iterator[Point]:
    """Return every break of a worker at work."""
    for number, call in enumerate(trace.calls, 1):
        for way in ways:
            yield Point(verb, During.RUN, way, number, call)
    if trace.calls:
        yield Point(verb, During.RUN, Way.STALL_AFTER, len(trace.calls), trace.calls[-1])
    # Inside a transaction, dead before a statement is dead before the commit.
    outside = replace(trace, statements=tuple("SELECT" if INSIDE in one else one for one in trace.statements))
    yield from _statement_points(verb, During.RUN, outside)


def pushing_points(verb: str, trace: Trace, pushers: tuple[str, ...]) -> Iterator[Point]:
    """Return breaks of a worker whose operation is then pushed aside by a later request."""
    for number, call in enumerate(trace.calls, 1):
        for turn, then in enumerate(pushers):
            # The ways take turns: each comes with each call, or with each verb that pushes.
            way = PUSHED_WAYS[(number + turn) % len(PUSHED_WAYS)]
            yield Point(verb, During.RUN, way, number, call, then)


def sweep_points(trace: Trace) -> Iterator[Point]:
    """Return every boundary between statements of a sweep."""
    yield from _statement_points(SWEEP, During.SWEEP, trace)


def _statement_points(verb: str, during: During, trace: Trace) -> Iterator[Point]:
    for number, statement in enumerate(trace.statements, 1):
        if not statement.startswith("SELECT"):  # dead before a look is dead after what came before it
            yield Point(verb, during, Way.KILL_AT_STATEMENT, number, statement)
    for number in range(1, trace.commits + 1):
        yield Point(verb, during, Way.KILL_UNCOMMITTED, number, "commit")
        yield Point(verb, during, Way.KILL_COMMITTED, number, "commit")
