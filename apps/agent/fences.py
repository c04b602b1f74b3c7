"""Remembering, for each VM and volume, the newest operation that an order came from.

Kept in a file, because an agent that starts again must refuse what it would have refused before.
"""

import sqlite3
import threading
import time
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.orders import Fence

KEPT_SECONDS = 7 * 86400


class Fences:
    """One row per subject; safe from all threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS fence"
            " (subject TEXT PRIMARY KEY, sequence INTEGER, attempt INTEGER, seen REAL) WITHOUT ROWID"
        )
        self._database.execute("DELETE FROM fence WHERE seen < ?", (time.time() - KEPT_SECONDS,))

    def pass_or_refuse(self, subject: str, fence: Fence) -> None:
        """Note `fence`; raise a permanent `DriverError` when a newer one was seen."""
        with self._lock:
            row = self._database.execute(
                "SELECT sequence, attempt FROM fence WHERE subject = ?", (subject,)
            ).fetchone()
            if row is not None and Fence(*row) > fence:
                raise _stale(subject)
            self._database.execute(
                "INSERT INTO fence VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE"
                " SET sequence = excluded.sequence, attempt = excluded.attempt, seen = excluded.seen",
                (subject, fence.sequence, fence.attempt, time.time()),
            )


def _stale(subject: str) -> DriverError:
    return DriverError(
        _("An order for %(subject)s came from an operation that a newer one has overtaken."),
        values={"subject": subject},
        code="agent.stale_order",
        permanent=True,
    )
