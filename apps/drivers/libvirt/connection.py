"""The connection to libvirt: one per process, opened on first use, renewed when libvirtd was gone.

libvirt's event loop runs in a thread of its own: it carries the keep-alive, which ends calls that hang on a dead
libvirtd, and the life-cycle events.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.hypervisor_errors import missing_firmware

KEEPALIVE_SECONDS, KEEPALIVE_MISSES = 5, 3
GONE = frozenset(
    {
        libvirt.VIR_ERR_NO_CONNECT,
        libvirt.VIR_ERR_INVALID_CONN,
        libvirt.VIR_ERR_RPC,
        libvirt.VIR_ERR_SYSTEM_ERROR,
    }
)
NO_FIRMWARE = "Unable to find 'efi' firmware"
"""libvirt has no code of its own for this."""
_loop_lock = threading.Lock()
_loop_runs = False


class Connection:
    """Gives the connection; `on_event` is called (in the event thread) after any VM's life cycle changed.

    So is `on_agent`, with the VM's identifier, after its guest agent connected (True) or went.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._lock = threading.Lock()
        self._connection: Any = None
        self.on_event: Callable[[], None] | None = None
        self.on_agent: Callable[[str, bool], None] | None = None

    @contextmanager
    def use(self) -> Iterator[Any]:
        """Give the connection; what libvirt raises inside comes out as `DriverError`."""
        connection = self._get()
        try:
            yield connection
        except libvirt.libvirtError as error:
            raise self._translated(error) from error

    def _get(self) -> Any:
        with self._lock:
            if self._connection is None or not _is_alive(self._connection):
                self._connection = self._open()
            return self._connection

    def _open(self) -> Any:
        start_event_loop()
        try:
            connection = libvirt.open(self._uri)
            connection.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_MISSES)
            connection.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._happened, None
            )
            connection.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, self._agent_changed, None
            )
        except libvirt.libvirtError as error:
            raise _unreachable(error) from error
        return connection

    def report(self) -> None:
        """Say that something of a VM has changed."""
        if self.on_event is not None:
            self.on_event()

    def _happened(self, *_: object) -> None:
        self.report()

    def _agent_changed(self, _: object, domain: Any, state: int, *__: object) -> None:
        if self.on_agent is not None:
            connected = libvirt.VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED
            self.on_agent(domain.UUIDString(), state == connected)

    def _translated(self, error: libvirt.libvirtError) -> DriverError:
        if error.get_error_code() in GONE and not _is_alive(self._connection):
            return _unreachable(error)
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_FAILED and NO_FIRMWARE in str(error):
            return missing_firmware()
        return DriverError(
            _("libvirt reported an error: %(error)s"),
            values={"error": error},
            code="hypervisor.failed",
            hint=_("See the host’s libvirt log."),
        )


def _is_alive(connection: Any) -> bool:
    with contextlib.suppress(libvirt.libvirtError):
        return bool(connection.isAlive())
    return False


def _unreachable(error: libvirt.libvirtError) -> DriverError:
    return DriverError(
        _("libvirt does not respond: %(error)s"),
        values={"error": error},
        code="hypervisor.unreachable",
        hint=_("Check libvirtd on the host."),
    )


def start_event_loop() -> None:
    """Run libvirt's event loop in this process, unless it runs. Call it before the first connection is opened."""
    global _loop_runs  # noqa: PLW0603 - libvirt has one event loop per process
    with _loop_lock:
        if _loop_runs:
            return
        libvirt.registerErrorHandler(_ignore, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=_run_event_loop, name="libvirt-events", daemon=True).start()
        _loop_runs = True


def _ignore(_: object, __: object) -> None:
    """libvirt prints every error to the standard error stream otherwise; they all come as exceptions too."""


def _run_event_loop() -> None:
    while True:
        with contextlib.suppress(libvirt.libvirtError):
            libvirt.virEventRunDefaultImpl()
