"""After a test that commits: its rows are deleted, instead of every table truncated and all permissions made again.

Few tables have rows after a test, and deleting few rows is quick; Django's flush takes half a second of a processor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

_flush = TransactionTestCase._fixture_teardown

#: Tables without partitions: these are emptied through the table that they are parts of.
TABLES = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""


@dataclass(frozen=True)
class Fresh:
    """What a database holds before any test: each filled table's rows in a hash, and the tables that are empty."""

    filled: dict[str, Any]
    empty: tuple[str, ...]


#: By the database's name.
_fresh: dict[str, Fresh] = {}


def remember() -> None:
    """Note what the present database holds: tests that commit leave it so."""
    tables = sorted(table for (table,) in _rows(TABLES))
    with_rows = _with_rows(tables)
    _fresh[_name()] = Fresh(
        filled={table: _hash(table) for table in tables if table in with_rows},
        empty=tuple(table for table in tables if table not in with_rows),
    )


def delete_committed(test: TransactionTestCase) -> None:
    """Delete what the test committed; flush as Django does where it changed rows that were there before it."""
    fresh = _fresh.get(_name())
    if fresh is None:
        _flush(test)
        return
    with transaction.atomic(), connection.cursor() as cursor:
        # Foreign keys are looked at when it commits: any order will do.
        for table in _with_rows(fresh.empty):
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
    if any(_hash(table) != before for table, before in fresh.filled.items()):
        _flush(test)
        remember()


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _with_rows(tables: Any) -> set[str]:
    """Return which of the tables have rows, by one query."""
    each = (f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in tables)  # noqa: S608
    return {table for (table,) in _rows(" UNION ALL ".join(each))}


def _hash(table: str) -> Any:
    sql = f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM {table} t"  # noqa: S608
    return _rows(sql)[0]
