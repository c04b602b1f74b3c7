"""Remembering, for each VM and volume, the newest operation that an order came from, and which orders were taken.

Several orders of one attempt have the same fence, so a fence alone does not tell a new order from a repeated one. Kept
in a file, because an agent that starts again must refuse what it would have refused before.
"""

import logging
import sqlite3
import threading
import time
from pathlib import Path

from apps.drivers.files.layout import keep_private, passable
from apps.drivers.orders import Fence, stale_order

log = logging.getLogger(__name__)
KEPT_SECONDS = 7 * 86400
ORDER_KEPT_SECONDS = 3600
"""So long after its expiry an order is remembered, lest a clock that is set back makes it good again."""
FORGET_EVERY = 1000
"""Orders between two looks for those that may be forgotten."""


class Fences:
    """One row per subject; safe from all threads."""

    def __init__(self, path: Path) -> None:
        passable(path.parent)
        self._lock = threading.Lock()
        self._taken = 0
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError:
            # It is written without waiting for the disk, and a power cut may have damaged it. Every order of before has
            # expired since, so that it may be forgotten; an agent that does not start would be worse.
            log.exception("%s is damaged: starting with an empty file", path)
            for part in path.parent.glob(f"{path.name}*"):
                part.unlink()
            self._database = _open(path)
        for part in path.parent.glob(f"{path.name}*"):
            keep_private(part)

    def take_once(self, order_id: str, expires: float) -> bool:
        """Note an order that is good until `expires` (Unix time); return whether it was not taken before."""
        with self._lock:
            self._taken += 1
            if self._taken % FORGET_EVERY == 0:
                _forget_orders(self._database)
            noted = self._database.execute("INSERT OR IGNORE INTO taken VALUES (?, ?)", (order_id, expires))
            return noted.rowcount == 1

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
    database.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT PRIMARY KEY, expires REAL) WITHOUT ROWID")
    _forget_orders(database)
    database.execute("DELETE FROM fence WHERE seen < ?", (time.time() - KEPT_SECONDS,))
    (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if state != "ok":
        raise sqlite3.DatabaseError(state)
    return database


def _forget_orders(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM taken WHERE expires < ?", (time.time() - ORDER_KEPT_SECONDS,))
