"""A database beside the tests' own, for processes to share with the tests, put back between modules to what it held.

Starting processes on one takes longer than most modules that need it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from tests import databases

#: What is there once it is migrated.
EMPTY = "empty"
#: A transaction of a process that is alive ends within this time.
LOCK_TIMEOUT = "30s"


class LastingDatabase:
    """One database. `name` must differ between those of a session; all calls but `in_use` are made within it."""

    def __init__(self, name: str) -> None:
        self._name = f"{name}_{os.getpid()}"
        self._is_made = False

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Have this process's connections lead to it; makes it at the first use."""
        usual = str(connection.settings_dict["NAME"])
        self._lead_to(self._name) if self._is_made else self._make()
        try:
            yield
        finally:
            self._lead_to(usual)

    def keep(self, content: str) -> None:
        """Remember what all tables hold, under a name."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # all tables as of one moment
            cursor.execute(f'CREATE SCHEMA "{content}"')
            for table in _tables(cursor, "public"):
                cursor.execute(f'CREATE TABLE "{content}"."{table}" AS TABLE public."{table}"')

    def has(self, content: str) -> bool:
        """Whether something was kept under the name."""
        with connection.cursor() as cursor:
            return bool(_tables(cursor, content))

    def put_back(self, content: str) -> None:
        """Have all tables hold what was kept. Nobody may be writing; sequences go on where they are."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
            tables = ", ".join(f'public."{table}"' for table in _tables(cursor, "public"))
            cursor.execute(f"TRUNCATE {tables}")
            for table in _tables(cursor, content):
                cursor.execute(f'INSERT INTO public."{table}" SELECT * FROM "{content}"."{table}"')  # noqa: S608 - names of tables

    def destroy(self) -> None:
        """Remove it, with everybody's connections to it."""
        if self._is_made:
            with connection._nodb_cursor() as cursor:
                databases.drop_from(cursor, self._name)
            self._is_made = False

    def _make(self) -> None:
        databases.create(self._name)
        self._is_made = True
        self.keep(EMPTY)

    def _lead_to(self, name: str) -> None:
        connections.close_all()
        connection.close_pool()
        connection.settings_dict["NAME"] = name


def _tables(cursor: CursorWrapper, schema: str) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s) ORDER BY 1",
        [schema],
    )
    return [str(name) for (name,) in cursor.fetchall()]
