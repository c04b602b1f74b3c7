"""Whether a Ceph pool answers, asked over connections that are kept: making one takes much longer than to ask."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import rados

from apps.drivers.specs import PoolSpec

SECONDS = 1
"""Of connecting, and of each request: who is late is asked again over a connection of its own."""
OBJECT = "rbd_directory"


class KeptConnections:
    """One connection to each pool. It is forgotten as soon as it does not answer, or its pool or key is another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[PoolSpec, str, Any]] = {}

    def answers(self, pool: PoolSpec, key: str) -> bool:
        """Return whether the pool has answered. False says nothing of why not."""
        try:
            with self.use(pool, key) as context, contextlib.suppress(rados.ObjectNotFound):
                context.stat(OBJECT)
        except rados.Error:
            return False
        return True

    @contextlib.contextmanager
    def use(self, pool: PoolSpec, key: str) -> Iterator[Any]:
        """Give the pool's I/O context. Every request over it takes `SECONDS` at most; raises `rados.Error`."""
        try:
            connection = self._connection(pool, key)
            with connection.open_ioctx(pool.path) as context:
                yield context
        except rados.Error:
            self.forget(pool.id)
            raise

    def forget(self, pool_id: str) -> None:
        """Keep the connection to a pool no longer, if there is one. It ends when nobody uses it any more."""
        with self._lock:
            self._kept.pop(pool_id, None)

    def _connection(self, pool: PoolSpec, key: str) -> Any:
        with self._lock:
            known = self._kept.get(pool.id)
        if known is not None and known[:2] == (pool, key):
            return known[2]
        fresh = _connected(pool, key)
        with self._lock:  # of two that connect at the same time the later one is kept
            self._kept[pool.id] = (pool, key, fresh)
        return fresh


def _connected(pool: PoolSpec, key: str) -> Any:
    settings = {
        "mon_host": ",".join(pool.monitors),
        "key": key,
        "log_to_stderr": "false",
        "err_to_stderr": "false",
        "client_mount_timeout": str(SECONDS),
        "rados_mon_op_timeout": str(SECONDS),
        "rados_osd_op_timeout": str(SECONDS),
    }
    connection = rados.Rados(rados_id=pool.user, conf=settings)
    connection.connect()
    return connection
