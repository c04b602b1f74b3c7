"""What a forked process does: make resources, watch a clean run, or break one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.lifecycle import engine
from apps.lifecycle.handlers import handler_of
from apps.lifecycle.legality import possibility
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.sweep import GRACE, sweep
from apps.lifecycle.verbs import Verb, all_verbs, verbs_of
from tests.recovery.crash.breaker import Watch
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.forks import Say, Work
from tests.recovery.crash.points import Point, Trace
from tests.recovery.crash.recipes import MODELS, RECIPES, load

#: How many times as long as on a quick machine things may take, as in `onebox.shell`, which is no part of this process.
PATIENCE = float(os.environ.get("SCLOUD_PATIENCE", "1"))


def verbs_with_a_handler() -> list[Verb]:
    """Return every verb of the table that workers carry out."""
    return [verb for verb in all_verbs() if has_handler(verb)]


def has_handler(verb: Verb) -> bool:
    """Whether workers carry the verb out; others are rows and nothing else, or were declared by some test."""
    try:
        handler = handler_of(verb.name)
    except KeyError:
        return False
    return handler.__module__.startswith("apps.")


def make(environment: Environment, verb: str, count: int) -> Work:
    """Make resources to ask the verb for; says the id of each, "" where nothing is needed."""

    def work(say: Say) -> None:
        recipe = RECIPES[verb]
        for _ in range(count):
            made = recipe.make(environment)
            say(str(made.pk) if made is not None else "")

    return work


def look(environment: Environment, verb: str) -> Work:
    """Run the verb undisturbed; says what request and run did, and which verbs may push it aside meanwhile."""

    def work(say: Say) -> None:
        made = RECIPES[verb].make(environment)
        asking, running = Watch(), Watch()
        with asking.watching():
            operation = RECIPES[verb].ask(environment, made)
        say(["pushers", pushers(operation)])
        with running.watching():
            engine.execute(operation.pk)
        operation.refresh_from_db()
        assert operation.status == "done", (verb, operation.status, operation.error)
        say(["request", _plain(asking.trace)])
        say(["run", _plain(running.trace)])

    return work


def pushers(operation: Operation) -> list[str]:
    """Return the verbs that may be requested while the operation is open."""
    row = load(operation)
    others = [verb for verb in verbs_of(operation.target_kind) if verb.exclusive and has_handler(verb)]
    return [verb.name for verb in others if possibility(verb, row, operation).allowed]


def break_request(environment: Environment, point: Point, made: str) -> Work:
    """Ask for the verb and break the request; says the operation if the request comes to an end all the same."""

    def work(say: Say) -> None:
        resource = _loaded(made)
        with Watch(point).watching():
            operation = RECIPES[point.verb].ask(environment, resource)
        say([str(operation.target_id), str(operation.pk)])

    return work


def ask(environment: Environment, verb: str, count: int) -> Work:
    """Make resources and ask the verb for them; says target and operation of each."""

    def work(say: Say) -> None:
        recipe = RECIPES[verb]
        for _ in range(count):
            operation = recipe.ask(environment, recipe.make(environment))
            say([str(operation.target_id), str(operation.pk)])

    return work


def break_run(point: Point, operation: str) -> Work:
    """Carry the operation out and break at the point."""

    def work(say: Say) -> None:
        with Watch(point).watching():
            engine.execute(UUID(operation))

    return work


def push_aside(environment: Environment, asked: Sequence[tuple[str, str]]) -> Work:
    """Ask for verbs on things that operations are open on, given as (verb, target); says each one's operation."""

    def work(say: Say) -> None:
        for verb, target in asked:
            say(str(RECIPES[verb].ask(environment, _loaded(target)).pk))

    return work


def sweep_overdue(environment: Environment, point: Point | None = None) -> Work:
    """Leave two operations past their deadline, say them, then sweep, and break at the point; says the trace if any."""

    def work(say: Say) -> None:
        overdue = [RECIPES["vpc.create"].ask(environment, None) for _ in range(2)]
        past = timezone.now() - GRACE - timedelta(seconds=1)
        Operation.objects.filter(pk__in=[one.pk for one in overdue]).update(deadline=past, rung_at=past)
        say([[str(one.target_id), str(one.pk)] for one in overdue])
        watch = Watch(point)
        with watch.watching():
            sweep()
        say(_plain(watch.trace))

    return work


def count_deadlines_from_now() -> None:
    """Give what is open the whole of its time: none of it is to be used up by the breaking of others."""
    for verb in verbs_with_a_handler():
        deadline = timezone.now() + verb.deadline * PATIENCE
        Operation.objects.open().filter(verb=verb.name, deadline__lt=deadline).update(deadline=deadline)


def waiting() -> dict[str, tuple[str, str]]:
    """Return verb → target and id of the operation that nobody has started yet."""
    rows = Operation.objects.open().filter(attempt=0)
    return {row.verb: (str(row.target_id), str(row.pk)) for row in rows}


def _loaded(pk: str) -> Any:
    if not pk:
        return None
    kind = Resource.objects.values_list("kind", flat=True).filter(pk=pk).first()
    return MODELS[kind or "finding"].objects.get(pk=pk)


def _plain(trace: Trace) -> list[Any]:
    return [list(trace.calls), list(trace.statements), trace.commits]
