"""How made-up requests reach the product: in this process, each rolled back, with what it wrote and raised noted."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.core.signals import got_request_exception, request_finished, request_started
from django.db import close_old_connections, connection, transaction

from tests.api.test_dry_runs_leave_nothing import SEQUENCES, everything

WRITING = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+\"(\w+)\"", re.IGNORECASE)
#: Of a refused request these may stay: who was refused what, when the key or session was last used, failed logins.
NOTED = ("audit_auditentry", "tenancy_session")
#: A sequence hands out each number once, also where the row it was for was refused.
STAYING = (*NOTED, *SEQUENCES)
LAST_USED = '"last_used_at"'
KEYS = "tenancy_apikey"  # counted only: when one was last used changes it


def held() -> dict[str, object]:
    """Return what every table holds, but for what a refused request may leave."""
    found = everything()
    return {name: what[0] if name == KEYS else what for name, what in found.items() if name not in STAYING}


@dataclass
class Seen:
    """What happened inside while a request was answered. `before` is what the tables held."""

    before: dict[str, object]
    errors: list[BaseException] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def left(self) -> list[str]:
        """Return the tables that are not as they were. To be asked before all is rolled back."""
        if not self.written:
            return []  # for most, and it is much quicker
        after = held()
        return sorted(name for name in after if after[name] != self.before[name])

    def note(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Note a statement that writes; a wrapper as Django's connections take it."""
        found = WRITING.match(sql)
        if found and found[2] not in NOTED and LAST_USED not in sql:
            self.written.append(sql)
        return execute(sql, params, many, context)

    def failed(self, sender: object, request: Any = None, **_: object) -> None:
        """Note an exception that nothing answered; a receiver of Django's signal."""
        error = sys.exc_info()[1]
        if error is not None:
            self.errors.append(error)


@contextmanager
def watched(before: dict[str, object]) -> Iterator[Seen]:
    """Watch one request and roll back whatever it did."""
    seen = Seen(before)
    got_request_exception.connect(seen.failed)
    try:
        with transaction.atomic(), connection.execute_wrapper(seen.note):
            yield seen
            transaction.set_rollback(True)
    finally:
        got_request_exception.disconnect(seen.failed)


@contextmanager
def one_connection() -> Iterator[None]:
    """Keep Django from giving the connection back at a request's end: all of them share one transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
