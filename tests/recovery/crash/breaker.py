"""Watching and breaking what this process does from here on: its driver calls, its statements, its commits."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from tests.recovery.crash.points import INSIDE, Point, Trace, Way

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


class Watch:
    """Counts driver calls, statements and commits, and breaks at `point` if there is one."""

    def __init__(self, point: Point | None = None) -> None:
        self._point = point
        self._calls: list[str] = []
        self._statements: list[str] = []
        self._commits = 0

    @property
    def trace(self) -> Trace:
        """What was seen so far."""
        return Trace(tuple(self._calls), tuple(self._statements), self._commits)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch this thread's statements, and all driver calls of the process."""
        world = backends.memory_world()
        world.on_call = self._on_call
        commit = connection.commit

        def watched_commit() -> None:
            self._break_at(Way.KILL_UNCOMMITTED, self._commits + 1)
            commit()
            self._commits += 1
            self._break_at(Way.KILL_COMMITTED, self._commits)

        connection.commit = watched_commit  # type: ignore[method-assign]
        try:
            with connection.execute_wrapper(self._on_statement):
                yield
        finally:
            world.on_call = None
            connection.commit = commit  # type: ignore[method-assign]

    def _on_call(self, verb: str, moment: str) -> None:
        if moment == "before":
            self._calls.append(verb)
        point = self._point
        if point is None or point.number != len(self._calls):
            return
        at = {
            (Way.KILL_BEFORE, "before"): die,
            (Way.KILL_AFTER, "after"): die,
            (Way.STALL_BEFORE, "before"): stall,
            (Way.STALL_AFTER, "after"): stall,
            (Way.TRANSIENT, "before"): no_answer,
            (Way.LOSE_ANSWER, "after"): no_answer,
            (Way.PERMANENT, "before"): refuse,
        }.get((point.way, moment))
        if at is not None:
            at()

    def _on_statement(
        self, execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        self._statements.append(_subject(sql) + (INSIDE if connection.in_atomic_block else ""))
        self._break_at(Way.KILL_AT_STATEMENT, len(self._statements))
        return execute(sql, params, many, context)

    def _break_at(self, way: Way, number: int) -> None:
        if self._point is not None and (self._point.way, self._point.number) == (way, number):
            die()


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def stall() -> None:
    """Stop this process, lease renewal and all, until somebody lets it go on."""
    if not connection.in_atomic_block:
        connection.close()  # many stall at once, and the database has only so many connections
    os.kill(os.getpid(), signal.SIGSTOP)


def no_answer() -> None:
    """Fail as a host does that does not answer."""
    raise DriverError("Tried: no answer.", code="host.unreachable", hint="Nothing to do.")


def refuse() -> None:
    """Fail for good."""
    raise DriverError("Tried: refused.", code="tried.refused", permanent=True, hint="Try again.")


def _subject(sql: str) -> str:
    """Return a statement's first words, which say enough to find it."""
    words = sql.split()
    verb = words[0].upper()
    tables = [word.strip('"') for word in words if word.startswith('"') and "." not in word]
    return f"{verb} {tables[0]}" if tables else verb
