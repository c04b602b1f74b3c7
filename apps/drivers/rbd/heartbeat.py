"""One host's heartbeat in a Ceph pool: a small object of its own, written whole and read by its peers.

The protocol is that of pools of files. Its connections are kept, and none of its requests waits for long: a cluster
that hangs costs the agent one late heartbeat, not a thread.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rados

from apps.drivers.pool_errors import ceph_unreachable
from apps.drivers.rbd.answering import KeptConnections
from apps.drivers.specs import PoolSpec

BYTES = 512
_PREFIX = "scloud_heartbeat"


class RadosHeartbeats:
    """Heartbeats in Ceph pools, whose keys `key_of` gives. Raises `DriverError`."""

    def __init__(self, key_of: Callable[[PoolSpec], str]) -> None:
        self._key_of = key_of
        self._kept = KeptConnections()

    def renew(self, pool: PoolSpec, host: str, mark: str) -> None:
        """Write a host's heartbeat."""
        with self._context(pool) as context:
            context.write_full(f"{_PREFIX}.{host}", mark.encode().ljust(BYTES)[:BYTES])

    def look(self, pool: PoolSpec, host: str) -> bytes:
        """Return what a host's heartbeat holds, b"" when it has none."""
        with self._context(pool) as context:
            try:
                return bytes(context.read(f"{_PREFIX}.{host}", BYTES))
            except rados.ObjectNotFound:
                return b""

    @contextmanager
    def _context(self, pool: PoolSpec) -> Iterator[Any]:
        try:
            with self._kept.use(pool, self._key_of(pool)) as context:
                yield context
        except rados.Error as error:
            raise ceph_unreachable(pool) from error
