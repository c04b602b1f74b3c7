"""Writing rows so that a row which is right already is left alone."""

import uuid
from typing import Any

Columns = dict[str, Any]


def derived(id: str, part: str) -> uuid.UUID:
    """Return the identifier of a helper row of the object `id`, always the same one."""
    return uuid.uuid5(uuid.UUID(id), part)


def labels(kind: str, id: str, generation: int, **more: str) -> dict[str, str]:
    """Return the external_ids that make a row ours."""
    return {
        "scloud:kind": kind,
        "scloud:id": id,
        "scloud:generation": str(generation),
        **{f"scloud:{key}": value for key, value in more.items()},
    }


def find(replica: Any, table: str, id: uuid.UUID) -> Any | None:
    """Return the row of that identifier."""
    rows = replica.tables[table].rows
    return rows.get(id)


def ensure_row(
    replica: Any, transaction: Any, table: str, id: uuid.UUID, columns: Columns
) -> tuple[Any, bool]:
    """Make the row, or set the columns that differ (maps keep others' keys). Return it, and whether it is new."""
    row = find(replica, table, id)
    if row is None:
        row = transaction.insert(replica.tables[table], id, persist_uuid=True)
        for column, value in columns.items():
            setattr(row, column, value)
        return row, True
    for column, value in columns.items():
        _write(row, column, value)
    return row, False


def ensure_child(
    ends: tuple[Any, Any], table: str, id: uuid.UUID, columns: Columns, place: tuple[Any, str]
) -> Any:
    """Make a row that is in a column of another, and put it there. `ends`: replica and transaction.

    Of tables whose rows OVSDB removes once nothing refers to them: a row that exists is in its place.
    """
    row, new = ensure_row(*ends, table, id, columns)
    if new:
        parent, column = place
        parent.addvalue(column, row)
    return row


def drop_children(place: tuple[Any, str], kind: str, id: str, keep: set[uuid.UUID]) -> None:
    """Take rows of this label out of a column of another; OVSDB removes what nothing refers to."""
    parent, column = place
    for row in list(getattr(parent, column)):
        about = row.external_ids
        if about.get("scloud:kind") == kind and about.get("scloud:id") == id and row.uuid not in keep:
            parent.delvalue(column, row)


def differs(row: Any | None, columns: Columns) -> bool:
    """Whether the row is missing, or a column is not as given (maps may hold others' keys)."""
    return row is None or any(_unlike(getattr(row, column), value) for column, value in columns.items())


def _unlike(old: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return any(old.get(key) != text for key, text in value.items())
    if isinstance(value, list):
        return sorted(map(_plain, old)) != sorted(map(_plain, value))
    return bool(old != value)


def _write(row: Any, column: str, value: Any) -> None:
    old = getattr(row, column)
    if isinstance(value, dict):
        for key, text in value.items():
            if old.get(key) != text:
                row.setkey(column, key, text)
    elif _unlike(old, value):
        setattr(row, column, value)


def _plain(value: Any) -> str:
    """Rows compare by identifier."""
    return str(getattr(value, "uuid", value))


def drop_keys(row: Any, column: str, keep: set[str]) -> None:
    """Remove the keys of a map that are not in `keep`."""
    for key in getattr(row, column):
        if key not in keep:
            row.delkey(column, key)
