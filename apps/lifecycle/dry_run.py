"""Trying what a service would do without doing it: everything that is wrong at once, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.db import connection, transaction

from apps.lifecycle.errors import Forbidden, Invalid, Refused

P = ParamSpec("P")
R = TypeVar("R")

#: PostgreSQL setting that is "on" in a dry run. Columns filled from small sequences look at it, since a number drawn
#: from a sequence stays used up when its transaction is rolled back (see `apps.network.models.numbers`).
SETTING = "scloud.rehearsal"


@contextmanager
def dry_run() -> Iterator[None]:
    """Run the block in a transaction that is always rolled back, and what waits for its commit with it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL {SETTING} = 'on'")
        try:
            yield
        finally:
            transaction.set_rollback(True)


class ErrorCollector:
    """Collects what checks refuse, so that they can all be told at once."""

    def __init__(self) -> None:
        self.found: list[Refused] = []

    def attempt(self, check: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | None:
        """Return what `check` returns; None, keeping the refusal, when it refuses."""
        try:
            return check(*args, **kwargs)
        except Refused as error:
            self.found.append(error)
            return None

    @property
    def forbidden(self) -> bool:
        """Whether the role does not allow it: nothing further is looked at, or told, then."""
        return any(isinstance(error, Forbidden) for error in self.found)

    @property
    def wrong_fields(self) -> set[str]:
        """The fields that are wrong in themselves."""
        return {name for error in self.found if isinstance(error, Invalid) for name in error.fields}

    @property
    def merged(self) -> list[Refused]:
        """The refusals, wrong fields gathered in one Invalid that comes first."""
        invalid = [error for error in self.found if isinstance(error, Invalid)]
        others = [error for error in self.found if not isinstance(error, Invalid)]
        if not invalid:
            return others
        fields: dict[str, list[str]] = {}
        for error in invalid:
            for name, messages in error.fields.items():
                fields.setdefault(name, []).extend(messages)
        hint = next((error.hint for error in invalid if error.hint), "")
        return [Invalid(fields, hint=hint), *others]

    def raise_any(self) -> None:
        """Raise the weightiest: a missing right, then all wrong fields, then the first of the rest."""
        for error in sorted(self.merged, key=lambda error: not isinstance(error, Forbidden)):
            raise error
