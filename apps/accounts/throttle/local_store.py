"""Failures counted in one process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from apps.accounts.throttle.rules import Bucket
from apps.accounts.throttle.store_protocol import SHORTEST, from_now

#: Counters that a process keeps while Redis is away; the oldest make room.
MOST_LOCAL = 10_000


class LocalStore:
    """One process's own. It knows no devices: nobody is trusted more than others while Redis is away."""

    def __init__(self, most: int = MOST_LOCAL) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[float, float, float]] = OrderedDict()
        self._mutex = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def wait(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        with self._mutex:
            until = [self._kept[bucket.key][2] for bucket in buckets if bucket.key in self._kept]
        return from_now(until)

    def admit(self, buckets: Sequence[Bucket]) -> float:
        """As the protocol says."""
        now = time.time()
        with self._mutex:
            rows = [self._kept.get(bucket.key, (0.0, now, 0.0)) for bucket in buckets]
            wait = max((until - now for _level, _at, until in rows), default=0.0)
            if wait > SHORTEST:
                return wait
            for bucket, (before, at, _until) in zip(buckets, rows, strict=True):
                level = bucket.rule.leaked(before, now - at) + 1
                self._kept[bucket.key] = (level, now, now + bucket.rule.delay(level))
                self._kept.move_to_end(bucket.key)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return 0.0

    def take_back(self, buckets: Sequence[Bucket]) -> None:
        """As the protocol says."""
        with self._mutex:
            for bucket in buckets:
                if (row := self._kept.get(bucket.key)) is not None:
                    self._kept[bucket.key] = (max(0.0, row[0] - 1), row[1], 0.0)

    def forget(self, keys: Iterable[str]) -> None:
        """As the protocol says."""
        with self._mutex:
            for key in keys:
                self._kept.pop(key, None)

    def known(self, account: str, marks: Sequence[str]) -> list[bool]:
        """As the protocol says."""
        return [False for _mark in marks]

    def remember(self, account: str, marks: Sequence[str]) -> None:
        """As the protocol says."""

    def forget_marks(self, account: str) -> list[str]:
        """As the protocol says."""
        return []
