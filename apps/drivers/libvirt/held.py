"""Bringing VMs to rest for a moment, and never leaving one so.

A hold is noted in a file before the guest is touched, with the time at which the host ends it by itself. So an agent
that starts again ends what a killed one left.
"""

import json
import logging
import os
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import libvirt

from apps.drivers.errors import DriverError
from apps.drivers.files.layout import PRIVATE, passable
from apps.drivers.ids import checked_id
from apps.drivers.libvirt import domains, guest_agent
from apps.drivers.libvirt.connection import Connection
from apps.drivers.specs import Held

log = logging.getLogger(__name__)
MOST_SECONDS = 120
AGAIN_SECONDS = 2.0
NOT_HELD = Held(frozen=False, paused=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """A VM that is held until `until` (Unix time) at the latest.

    `paused`: we stop its processors. `asked`: we ask its guest agent to freeze; a guest that stands still is not asked.
    """

    vm_id: str
    until: float
    paused: bool
    asked: bool


class HeldVms:
    """The VMs of this host that are held. Safe from all threads."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._lock = threading.Lock()
        self._holds: dict[str, tuple[Hold, threading.Timer]] = {}

    def hold(self, vm_id: str, seconds: int, *, pause: bool) -> Held:
        """Freeze the file systems of a running VM; stop its processors where that fails and `pause` is wanted."""
        with self._connection.use() as connection:
            domain = domains.known(connection, vm_id)
            if not domain.isActive():
                return NOT_HELD
            earlier = self._claim(vm_id) or Hold(vm_id, 0, paused=False, asked=False)
            rests = domains.is_paused(domain)
            until = time.time() + max(1, min(seconds, MOST_SECONDS))
            self._keep(
                Hold(vm_id, until, earlier.paused or (pause and not rests), earlier.asked or not rests)
            )
            if rests:
                return Held(frozen=False, paused=True)
            if guest_agent.freeze(domain):
                return Held(frozen=True, paused=False)
            if pause:
                domain.suspend()
            return Held(frozen=False, paused=pause)

    def release(self, vm_id: str) -> Held:
        """Let a VM go on; return how it has been held until now."""
        hold = self._claim(vm_id)
        if hold is None:
            return NOT_HELD
        try:
            held = self._let_go(hold)
        except DriverError:
            self._keep(hold)  # its time goes on
            raise
        self._path(vm_id).unlink(missing_ok=True)
        return held

    def recover(self) -> None:
        """Take over what an agent before this one has held."""
        for path in passable(self._folder).glob("*.json"):
            hold = _read(path)
            self._watch(replace(hold, until=min(hold.until, time.time() + MOST_SECONDS)))

    def _let_go(self, hold: Hold) -> Held:
        with self._connection.use() as connection:
            domain = domains.find(connection, hold.vm_id)
            if domain is None or not domain.isActive():
                return NOT_HELD
            paused = hold.paused and domains.is_suspended(domain)
            if paused:
                domains.resume(domain)
            try:
                frozen = hold.asked and guest_agent.thaw(domain, hold.vm_id)
                return Held(frozen=frozen, paused=paused)
            except libvirt.libvirtError:
                if domain.isActive():
                    raise
                return NOT_HELD

    def _keep(self, hold: Hold) -> None:
        path = self._path(hold.vm_id)
        passable(path.parent)
        fresh = path.with_suffix(".partial")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE), "w") as file:
            json.dump(asdict(hold), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._watch(hold)

    def _watch(self, hold: Hold) -> None:
        seconds = max(0.0, hold.until - time.time())
        timer = threading.Timer(seconds, self._end, args=(hold.vm_id,))
        timer.daemon = True
        with self._lock:
            self._holds[hold.vm_id] = (hold, timer)
        timer.start()

    def _claim(self, vm_id: str) -> Hold | None:
        """Return the hold, which is now its only owner's to end; None when there is none, or another ends it."""
        with self._lock:
            hold, timer = self._holds.pop(vm_id, (None, None))
        if timer is not None:
            timer.cancel()
        return hold

    def _end(self, vm_id: str) -> None:
        """Its time is over."""
        hold = self._claim(vm_id)
        if hold is None:
            return
        try:
            held = self._let_go(hold)
        except DriverError as error:
            log.warning("VM %s is still held: %s", vm_id, error.message)
            self._watch(replace(hold, until=time.time() + AGAIN_SECONDS))
            return
        self._path(vm_id).unlink(missing_ok=True)
        if held != NOT_HELD:
            log.warning("VM %s was held for too long, and goes on", vm_id)

    def _path(self, vm_id: str) -> Path:
        return self._folder / f"{checked_id(vm_id)}.json"


def _read(path: Path) -> Hold:
    """Return a hold that was noted; of one that cannot be read, the VM is released at once."""
    try:
        return Hold(**json.loads(path.read_text()))
    except (ValueError, TypeError):
        log.exception("%s is damaged", path)
        return Hold(path.stem, 0, paused=True, asked=True)
