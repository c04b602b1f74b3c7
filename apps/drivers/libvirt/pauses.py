"""Why libvirt has paused a VM, and whether the cause is gone."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import libvirt

from apps.drivers.specs import PauseReason

LEAST_ROOM_BYTES = 64 << 20
"""So much must be free again for a VM to be resumed that found its pool full."""
BLOCK_BYTES = 4096
#: All others are brief steps of libvirt's own (a start, a snapshot), or what somebody did on the host by hand.
REASONS = {
    libvirt.VIR_DOMAIN_PAUSED_IOERROR: PauseReason.IO_ERROR,
    libvirt.VIR_DOMAIN_PAUSED_WATCHDOG: PauseReason.WATCHDOG,
    libvirt.VIR_DOMAIN_PAUSED_MIGRATION: PauseReason.MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_POSTCOPY: PauseReason.MIGRATION,
    libvirt.VIR_DOMAIN_PAUSED_STARTING_UP: PauseReason.NONE,
}


def reason(domain: Any) -> PauseReason:
    """Return why a VM that is on does not run."""
    state, why = domain.state()
    if state != libvirt.VIR_DOMAIN_PAUSED:
        return PauseReason.NONE
    found = REASONS.get(why, PauseReason.OTHER)
    return _which_error(domain) if found is PauseReason.IO_ERROR else found


def cause_is_gone(paused: PauseReason, files: Sequence[Path]) -> bool:
    """Return whether the VM could go on, as far as its disks show from outside."""
    try:
        if paused is PauseReason.NO_SPACE:
            return all(_room(path) >= LEAST_ROOM_BYTES for path in files)
        if paused is PauseReason.IO_ERROR:
            return all(_is_readable(path) for path in files)
    except OSError:
        return False
    return False


def _which_error(domain: Any) -> PauseReason:
    try:
        errors = domain.diskErrors().values()
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_OPERATION_INVALID:
            return PauseReason.NONE  # it is off by now
        raise
    full = libvirt.VIR_DOMAIN_DISK_ERROR_NO_SPACE in errors
    return PauseReason.NO_SPACE if full else PauseReason.IO_ERROR


def _room(path: Path) -> int:
    room = os.statvfs(path)
    return room.f_bavail * room.f_frsize


def _is_readable(path: Path) -> bool:
    with path.open("rb") as file:
        return bool(file.read(BLOCK_BYTES))
