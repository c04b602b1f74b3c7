"""Everything that is broken, in order: requests, runs, runs that are pushed aside, the sweeper."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from tests.recovery.crash import breaking, forks
from tests.recovery.crash.environment import hosts_reported, load_environment, make_environment
from tests.recovery.crash.fingerprint import fingerprint
from tests.recovery.crash.forks import Child
from tests.recovery.crash.points import (
    CALL_WAYS,
    Broken,
    During,
    Point,
    Result,
    Trace,
    Way,
    pushing_points,
    request_points,
    run_points,
    sweep_points,
)
from tests.recovery.crash.recipes import RECIPES
from tests.recovery.crash.repairs import repair_all
from tests.recovery.crash.selection import Select, everything

log = logging.getLogger(__name__)

#: No process asks the hosts for reports while things are broken: they count as in reach for so long.
WHILE_BREAKING = timedelta(minutes=15)
#: While the operations of one verb are broken, those of the next are requested.
AHEAD = 2
ENDINGS = {Way.STALL_BEFORE: "stalled", Way.STALL_AFTER: "stalled"} | dict.fromkeys(
    (Way.LOSE_ANSWER, Way.TRANSIENT, Way.PERMANENT), "done"
)


class Campaign:
    """Breaks things and keeps what came of it in `result`; stalled processes stay with it until `go_on`.

    `only`: what the names of the verbs to break begin with. `select` takes from all points those to break.
    """

    def __init__(self, at_once: int, only: str = "", select: Select = everything) -> None:
        self._at_once = at_once
        self._only = only
        self._select = select
        self._stalled: list[Child] = []
        self._pushers: dict[str, tuple[str, ...]] = {}
        self.result = Result()

    def run(self) -> None:
        """Break all there is to break."""
        from django.db import connections

        with self._timed("make the environment"):
            forks.only(lambda say: make_environment())
            forks.only(lambda say: hosts_reported(ahead=WHILE_BREAKING))
            self._environment = load_environment()
            connections.close_all()  # a child must not speak on its parent's connection
        with self._timed("look at clean runs"):
            self._look()
        with self._timed("break requests"):
            self._break_requests()
        with self._timed("break runs"):
            self._break_runs()
            forks.only(lambda say: breaking.count_deadlines_from_now())
        with self._timed("push aside"):
            self._push_aside()
        with self._timed("break sweeps"):
            self._break_sweeps()
        forks.only(lambda say: hosts_reported())

    def go_on(self) -> None:
        """Let every stalled process go on, to its end."""
        for child in self._stalled:
            forks.go_on(child)
        self._stalled.clear()

    def repair(self) -> None:
        """Do what is offered for each operation that failed."""
        forks.only(lambda say: repair_all(self._environment))

    def _look(self) -> None:
        names = [verb.name for verb in breaking.verbs_with_a_handler()]
        verbs = [name for name in names if name in RECIPES and name.startswith(self._only)]
        works = ((verb, breaking.look(self._environment, verb)) for verb in verbs)
        for verb, child in forks.all_of(works, self._at_once):
            said = dict(child.said)
            self._pushers[verb] = tuple(said.pop("pushers"))
            self.result.traces[verb] = {during: Trace(*trace) for during, trace in said.items()}

    def _break_requests(self) -> None:
        """First all that must leave nothing behind, then those that must leave everything."""
        points = [
            point
            for verb, trace in self.result.traces.items()
            for point in request_points(verb, trace[During.REQUEST])
        ]
        chosen = self._selected(points)
        verbs = {point.verb for point in chosen}
        # What is made is always asked for in the end: of what was planted to be removed, something would else stay.
        committed = [point for point in points if point.way == Way.KILL_COMMITTED and point.verb in verbs]
        others = [point for point in chosen if point.way != Way.KILL_COMMITTED]
        made = self._make(verbs)
        before = forks.only(lambda say: say(fingerprint()))
        self._ask_and_break(others, made)
        after = forks.only(lambda say: say(fingerprint()))
        self.result.torn += [
            f"a request killed before its commit changed {table}"
            for table in after
            if after[table] != before[table]
        ]
        self._ask_and_break(committed, made)
        self._find_accepted()

    def _selected(self, points: Iterable[Point]) -> list[Point]:
        found = list(points)
        chosen = self._select(found)
        self.result.possible += len(found)
        return chosen

    def _find_accepted(self) -> None:
        """Note the operations of requests whose process died once they were accepted: nobody was told of these."""
        accepted = forks.only(lambda say: say(breaking.waiting()))
        for one in self.result.broken:
            if one.point.way == Way.KILL_COMMITTED and one.point.verb in accepted:
                one.target, one.operation = accepted[one.point.verb]
            elif one.point.way == Way.KILL_COMMITTED:
                self.result.torn.append(f"{one.point}: committed, but there is no operation")

    def _ask_and_break(self, points: list[Point], made: dict[str, str]) -> None:
        works = (
            (point, breaking.break_request(self._environment, point, made[point.verb])) for point in points
        )
        for point, child in forks.all_of(works, self._at_once):
            self.result.broken.append(Broken(point, reached=child.ending == "killed"))

    def _points(self, verb: str) -> Iterator[Point]:
        trace = self.result.traces[verb][During.RUN]
        ways = [way for way in CALL_WAYS if way != Way.PERMANENT or not RECIPES[verb].gives_up]
        yield from run_points(verb, trace, ways)
        yield from pushing_points(verb, trace, self._pushers[verb])

    def _make(self, verbs: Iterable[str]) -> dict[str, str]:
        """Return for each verb the id of a resource to ask it for."""
        works = ((verb, breaking.make(self._environment, verb, 1)) for verb in sorted(verbs))
        return {verb: child.said[0] for verb, child in forks.all_of(works, self._at_once)}

    def _break_runs(self) -> None:
        """Verb by verb: what is requested must not wait until its deadline has come."""
        by_verb: dict[str, list[Point]] = {}
        for point in self._selected(point for verb in self.result.traces for point in self._points(verb)):
            by_verb.setdefault(point.verb, []).append(point)
        works = (
            (verb, breaking.ask(self._environment, verb, len(points))) for verb, points in by_verb.items()
        )
        for verb, child in forks.all_of(works, AHEAD):
            self._break_each(by_verb[verb], child.said)

    def _break_each(self, points: list[Point], asked: list[list[str]]) -> None:
        works = (
            (Broken(point, False, target, operation), breaking.break_run(point, operation))
            for point, (target, operation) in zip(points, asked, strict=True)
        )
        for broken, child in forks.all_of(works, self._at_once):
            broken.reached = child.ending == ENDINGS.get(broken.point.way, "killed")
            self.result.broken.append(broken)
            if child.ending == "stalled":
                self._stalled.append(child)

    def _push_aside(self) -> None:
        pushed = [one for one in self.result.broken if one.point.then]
        work = breaking.push_aside(self._environment, [(one.point.then, one.target) for one in pushed])
        operations = forks.all_said(work)
        for one, operation in zip(pushed, operations, strict=True):
            one.then_operation = operation

    def _break_sweeps(self) -> None:
        """One after another: what one left over, the next finds."""
        trace = Trace(*forks.only(breaking.sweep_overdue(self._environment)))
        for point in self._selected(sweep_points(trace)):
            child = forks.wait(forks.fork(breaking.sweep_overdue(self._environment, point)))
            for target, operation in child.said[0]:
                self.result.broken.append(Broken(point, child.ending == "killed", target, operation))

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.result.seconds[what] = time.monotonic() - started
        log.info("%s: %.1f s", what, self.result.seconds[what])
