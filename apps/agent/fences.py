"""Remembering, for each VM and volume, the newest operation that an order came from.

Kept in a file, because an agent that starts again must refuse what it would have refused before.
"""

import logging
import sqlite3
import threading
import time
from pathlib import Path

from apps.drivers.orders import Fence, stale_order

log = logging.getLogger(__name__)
KEPT_SECONDS = 7 * 86400


class Fences:
    """One row per subject; safe from all threads."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:
            # It is written without waiting for the disk, and a power cut may have damaged it. Every order of before has
            # expired since, so that it may be forgotten; an agent that does not start would be worse.
            log.exception("%s is damaged: begun anew", path)
            for part in path.parent.glob(f"{path.name}*"):
                part.unlink()
            self._database = _open(path)

    def pass_or_refuse(self, subject: str, fence: Fence) -> None:
        """Note `fence`; raise a permanent `DriverError` when a newer one was seen."""
        with self._lock:
            row = self._database.execute(
                "SELECT sequence, attempt FROM fence WHERE subject = ?", (subject,)
            ).fetchone()
            if row is not None and Fence(*row) > fence:
                raise stale_order(subject)
            self._database.execute(
                "INSERT INTO fence VALUES (?, ?, ?, ?) ON CONFLICT (subject) DO UPDATE"
                " SET sequence = excluded.sequence, attempt = excluded.attempt, seen = excluded.seen",
                (subject, fence.sequence, fence.attempt, time.time()),
            )


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.execute(
        "CREATE TABLE IF NOT EXISTS fence"
        " (subject TEXT PRIMARY KEY, sequence INTEGER, attempt INTEGER, seen REAL) WITHOUT ROWID"
    )
    database.execute("DELETE FROM fence WHERE seen < ?", (time.time() - KEPT_SECONDS,))
    (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(state)
    return database
