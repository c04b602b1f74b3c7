"""A pretend Ceph cluster in this process, for what the real client library is asked of heartbeats."""

from __future__ import annotations

import threading
from typing import Any

import rados


class PretendCluster:
    """Its objects. While it `hangs`, every request ends after its timeout, which is shortened here."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.hangs = False
        self.connections = 0

    def client(self, **_settings: Any) -> PretendClient:
        """Stand in for `rados.Rados`."""
        self.connections += 1
        return PretendClient(self)


class PretendClient:
    """A connection, and at the same time its I/O context."""

    def __init__(self, cluster: PretendCluster) -> None:
        self._cluster = cluster

    def connect(self) -> None:
        self._answer()

    def open_ioctx(self, _pool: str) -> PretendClient:
        return self

    def __enter__(self) -> PretendClient:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write_full(self, name: str, data: bytes) -> None:
        self._answer()
        self._cluster.objects[name] = data

    def read(self, name: str, length: int) -> bytes:
        self._answer()
        if name not in self._cluster.objects:
            raise rados.ObjectNotFound("none")
        return self._cluster.objects[name][:length]

    def _answer(self) -> None:
        if self._cluster.hangs:
            threading.Event().wait(0.05)
            raise rados.TimedOut("late")
