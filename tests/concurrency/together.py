"""Doing things at the same time, each on a connection of its own, and holding some up to let others overtake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections
from onebox.shell import wait_until

from apps.lifecycle.errors import Refused


def at_once(tasks: Sequence[Callable[[], Any]], threads: int = 16) -> list[Any]:
    """Run the tasks in threads that start together; return what each returned, or the Refused it raised.

    Anything else that is raised fails the test: a deadlock, a broken constraint.
    """
    threads = min(threads, len(tasks))
    together = Barrier(threads)

    def run(number: int) -> Any:
        if number < threads:
            together.wait(timeout=30)
        return alone(tasks[number])

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(len(tasks))))


def alone(task: Callable[[], Any]) -> Any:
    """Run the task on this thread's connection and give that back; return a Refused instead of raising it."""
    try:
        return task()
    except Refused as refusal:
        return refusal
    finally:
        connection.close()


def overtaken(holder: Callable[[Callable[[], None]], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """Run `holder(go_on)`; when it calls `go_on`, start `other` and go on once that waits for one of its locks.

    Return what both returned. Should they now wait for each other, PostgreSQL ends one of them with an error.
    """
    with ThreadPoolExecutor(1) as pool:
        started: list[Future[Any]] = []

        def go_on() -> None:
            started.append(pool.submit(alone, other))
            wait_until(
                lambda: started[0].done() or someone_waits(), "the other one to wait for a lock", seconds=20
            )

        held = alone(lambda: holder(go_on))
        return held, started[0].result()


def someone_waits() -> bool:
    """Whether a connection to this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot()"
        )  # else a transaction sees for ever what it saw first
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(cursor.fetchone()[0])


def deadlocks() -> int:
    """Return how often PostgreSQL has ended a transaction of this database because of a deadlock."""
    connections["default"].close_pool()  # sessions hand in their counts when they end
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
