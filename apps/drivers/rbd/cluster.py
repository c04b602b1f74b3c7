"""One process's connection to a Ceph cluster: made on first use, shared by all threads, never waited for long."""

import errno
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rados
import rbd

from apps.drivers.bulkhead import Bulkhead
from apps.drivers.errors import DriverError
from apps.drivers.pool_errors import ceph_refused, ceph_unreachable, pool_full, pool_missing
from apps.drivers.rbd.errors import FULL_CHECKS, IN_USE, UNREACHABLE, busy, not_connected, translated
from apps.drivers.specs import PoolSpec

TIMEOUT_SECONDS = 5
"""Of connecting, and of each request to a monitor or an OSD."""
MOST_LONG = 3
"""Calls at a time that may take minutes; they leave the places of the short ones free."""
#: Connecting honours only the first; none of them may ever be set for a guest's QEMU, whose writes wait instead.
TIMEOUTS = ("client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout")


class CephCluster:
    """The cluster of one pool. Keep it for the life of the process."""

    def __init__(self, pool: PoolSpec, key: str) -> None:
        self.pool = pool
        self._key = key
        self._lock = threading.Lock()
        self._rados: Any = None
        self._is_renewing = False
        self._pid = 0
        self._short = Bulkhead()
        self._long = Bulkhead(MOST_LONG)

    @contextmanager
    def use(self, *, long: bool = False) -> Iterator[Any]:
        """Give the pool's I/O context; what librbd raises inside comes out as `DriverError`."""
        with self._asking(self._long if long else self._short):
            try:
                context = self._connected().open_ioctx(self.pool.path)
            except rados.ObjectNotFound as error:
                raise pool_missing(self.pool) from error
            try:
                yield context
            finally:
                context.close()

    def ask(self, prefix: str, **arguments: str) -> Any:
        """Return the answer of a monitor's command, read from JSON."""
        with self._asking(self._short):
            return self._command(prefix, **arguments)

    def shut_out(self, client: str, seconds: int = 0) -> None:
        """Put clients ("ip:port/nonce") on the blocklist, by default for an hour, and wait until that holds."""
        with self._asking(self._short):
            self._connected().blocklist_add(client, seconds)

    def addresses(self) -> str:
        """Return the addresses of this client as Ceph writes them."""
        with self._asking(self._short):
            return str(self._connected().get_addrs())

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._rados is not None and self._pid == os.getpid():
                self._rados.shutdown()
            self._rados = None

    @contextmanager
    def _asking(self, bulkhead: Bulkhead) -> Iterator[None]:
        with bulkhead.place(lambda: busy(self.pool)):
            since = time.monotonic()
            try:
                yield
            except DriverError as error:
                if error.code == UNREACHABLE:
                    bulkhead.record_timeout(since)
                raise
            except (rados.Error, rbd.Error) as error:
                failure = self._failure(error)
                if failure.code == UNREACHABLE:
                    bulkhead.record_timeout(since)
                else:
                    bulkhead.record_answer()
                raise failure from error
            bulkhead.record_answer()

    def _failure(self, error: Exception) -> DriverError:
        failure = translated(error, self.pool)
        if failure.code == UNREACHABLE:
            self._renew_soon()
        # Ceph lets writes to a full pool wait instead of refusing them; librbd says "read-only" when the write that
        # takes the image's lock has waited for too long.
        if failure.code in _OF_FULL_POOLS and isinstance(error, rbd.Error) and self._is_full():
            return pool_full(self.pool)
        return failure

    def _renew_soon(self) -> None:
        """Try a new connection beside the present one, which other calls may still use.

        One to a cluster that lost power waits for minutes; one that Ceph has shut out (a blocklisted client) for ever.
        """
        with self._lock:
            if self._is_renewing or self._rados is None:
                return
            self._is_renewing = True
        threading.Thread(target=self._renew, name="ceph-renew", daemon=True).start()

    def _renew(self) -> None:
        fresh = None
        try:
            fresh = self._connect()
        except DriverError:
            pass  # the cluster does not answer at all: what is there may be as good as any
        finally:
            with self._lock:
                self._is_renewing = False
                self._rados = fresh or self._rados  # the old one ends when nobody uses it any more

    def _is_full(self) -> bool:
        if self._rados is None:
            return False
        try:
            return not FULL_CHECKS.isdisjoint(self._command("health")["checks"])
        except (rados.Error, DriverError):
            return False

    def _command(self, prefix: str, **arguments: str) -> Any:
        command = json.dumps({"prefix": prefix, "format": "json", **arguments})
        status, answer, words = self._connected().mon_command(command, b"")
        if status == 0:
            return json.loads(answer) if answer else None
        failed = rados.OSError(words or prefix, errno=-status)
        if -status == errno.ENOENT:
            raise pool_missing(self.pool) from failed
        raise failed

    def _connected(self) -> Any:
        with self._lock:
            if self._rados is None or self._pid != os.getpid():
                self._rados = self._connect()
                self._pid = os.getpid()
            return self._rados

    def _connect(self) -> Any:
        if not self.pool.monitors or not self._key:
            raise not_connected()
        settings = {
            "mon_host": ",".join(self.pool.monitors),
            "key": self._key,
            "rbd_default_clone_format": "2",
            "log_to_stderr": "false",
            "err_to_stderr": "false",
            **{name: str(TIMEOUT_SECONDS) for name in TIMEOUTS},
        }
        try:
            connection = rados.Rados(rados_id=self.pool.user, conf=settings)
            connection.connect()
        except rados.Error as error:
            if getattr(error, "errno", None) in _REFUSED:
                raise ceph_refused(self.pool) from error
            raise ceph_unreachable(self.pool) from error
        return connection


_OF_FULL_POOLS = frozenset({UNREACHABLE, IN_USE})
#: Of a wrong key, an unknown user, and a key that is none.
_REFUSED = frozenset({errno.EACCES, errno.EPERM, errno.EINVAL})
