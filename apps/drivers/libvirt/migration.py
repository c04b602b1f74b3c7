"""The `Migrations` driver for libvirt, in the control plane's workers: it connects both hosts over TLS.

libvirt calls this a managed direct migration: source and target talk to us, and their QEMUs to each other, over TLS
with certificates that are good for nothing else. When our connections end, because this process died, libvirt gives
the migration up on both hosts. Hosts themselves are admitted by no other host (docs/concepts/certificates.md).
"""

import contextlib
import logging
import threading
from pathlib import Path
from typing import Any

import libvirt

from apps.drivers.deadline import Deadline
from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.hypervisor_errors import cpu_lacks, migration_cancelled, migration_failed, slow_hypervisor
from apps.drivers.libvirt import arriving, domains
from apps.drivers.libvirt.connection import KEEPALIVE_MISSES, KEEPALIVE_SECONDS, start_event_loop
from apps.drivers.specs import Arrival, MigrationLimits, MigrationProgress

log = logging.getLogger(__name__)

MOVE = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_TLS
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
)
CONNECT_SECONDS = 10.0
CALL_SECONDS = 15.0
MIB = 1 << 20
MOST_WORDS = 300
_deadline = Deadline(16)


class LibvirtMigrations:
    """`Migrations` between the hosts at two management addresses; `pki` holds the control plane's certificate."""

    def __init__(self, source: str, target: str, pki: Path) -> None:
        self._addresses = (source, target)
        self._pki = pki

    def start(self, vm_id: str, arrival: Arrival, limits: MigrationLimits) -> "LibvirtMigration":
        source, target = (self._connected(address) for address in self._addresses)
        try:
            domain = _call(vm_id, lambda: domains.running(source, vm_id))
            if lacking := _call(vm_id, lambda: arriving.missing_features(target, domain)):
                raise cpu_lacks(vm_id, lacking[:MOST_WORDS])
            how = _call(vm_id, lambda: _parameters(domain, arrival, limits, self._addresses[1]))
        except BaseException:
            _close(source, target)
            raise
        return LibvirtMigration(vm_id, domain, (source, target), how, limits)

    def _connected(self, address: str) -> Any:
        late = _no_answer(address, "")
        return _deadline.run(address, lambda: self._open(address), CONNECT_SECONDS, lambda: late)

    def _open(self, address: str) -> Any:
        start_event_loop()
        try:
            connection = libvirt.open(f"qemu+tls://{address}/system?pkipath={self._pki}")
            connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_MISSES)
        except libvirt.libvirtError as error:
            raise _no_answer(address, str(error)) from error
        return connection


class LibvirtMigration:
    """`Migration`: libvirt's call runs in a thread of its own."""

    def __init__(
        self,
        vm_id: str,
        domain: Any,
        connections: tuple[Any, Any],
        how: dict[str, Any],
        limits: MigrationLimits,
    ) -> None:
        self._vm_id = vm_id
        self._domain = domain
        self._connections = connections
        self._how = how
        self._flags = MOVE | (libvirt.VIR_MIGRATE_AUTO_CONVERGE if limits.converge else 0)
        self._limits = limits
        self._over = threading.Event()
        self._cancelled = False
        self._limited = False
        self._error: Exception | None = None
        self._known = MigrationProgress()
        threading.Thread(target=self._work, name=f"migration {vm_id}", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        return self._over.wait(seconds)

    def progress(self) -> MigrationProgress:
        if self._over.is_set():
            return self._known
        with contextlib.suppress(libvirt.libvirtError, DriverError):
            stats = _call(self._vm_id, self._domain.jobStats)
            if stats.get("type", 0) != libvirt.VIR_DOMAIN_JOB_NONE:
                self._known = _progress(stats)
                self._limit_downtime()
        return self._known

    def cancel(self) -> None:
        self._cancelled = True
        with contextlib.suppress(libvirt.libvirtError, DriverError):
            _call(self._vm_id, self._domain.abortJob)

    def result(self) -> None:
        if self._error is None:
            return
        if self._cancelled:
            raise migration_cancelled(self._vm_id) from self._error
        raise migration_failed(self._vm_id, " ".join(str(self._error).split())[:MOST_WORDS]) from self._error

    def _limit_downtime(self) -> None:
        """QEMU takes it only once the migration has begun."""
        if not self._limited:
            self._domain.migrateSetMaxDowntime(self._limits.downtime_ms)
            self._limited = True

    def _work(self) -> None:
        try:
            self._domain.migrate3(self._connections[1], self._how, self._flags)
        except libvirt.libvirtError as error:
            log.warning("migration of %s: %s", self._vm_id, error)
            self._error = error
        except Exception as error:
            log.exception("migration of %s", self._vm_id)
            self._error = error
        finally:
            _close(*self._connections)
            self._over.set()


def _parameters(domain: Any, arrival: Arrival, limits: MigrationLimits, address: str) -> dict[str, Any]:
    how: dict[str, Any] = {
        libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}",
        libvirt.VIR_MIGRATE_PARAM_DEST_XML: arriving.running_there(domain, arrival),
        libvirt.VIR_MIGRATE_PARAM_PERSIST_XML: arriving.stored_there(domain, arrival),
    }
    if limits.mib_per_second:
        how[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = limits.mib_per_second
    return how


def _progress(stats: dict[str, Any]) -> MigrationProgress:
    return MigrationProgress(
        total_bytes=int(stats.get("memory_total", 0)),
        remaining_bytes=int(stats.get("memory_remaining", 0)),
        bytes_per_second=int(stats.get("memory_bps", 0)),
        downtime_ms=int(stats.get("downtime", 0)),
        slowed_percent=int(stats.get("auto_converge_throttle", 0)),
    )


def _call(vm_id: str, work: Any) -> Any:
    """Ask libvirt; raise `DriverError` when it refuses or takes too long."""
    try:
        return _deadline.run(vm_id, work, CALL_SECONDS, lambda: slow_hypervisor(vm_id, CALL_SECONDS))
    except libvirt.libvirtError as error:
        raise migration_failed(vm_id, " ".join(str(error).split())[:MOST_WORDS]) from error


def _no_answer(address: str, words: str) -> DriverError:
    return DriverError(
        _("libvirt at %(address)s does not answer the control plane: %(words)s"),
        values={"address": address, "words": words[:MOST_WORDS] or "-"},
        code="hypervisor.unreachable",
        hint=_("Check libvirtd-tls.socket and the firewall of the host, and the certificates."),
    )


def _close(*connections: Any) -> None:
    for connection in connections:
        with contextlib.suppress(libvirt.libvirtError):
            connection.close()
