"""Lending volumes to tools that run without root.

A guest that has taken over its QEMU can write anything into its volume, so no tool that is root opens one. The tool
needs the right to open it: of a volume that no VM has open, the file is the tools' own meanwhile; one that a running VM
has open is read as that guest's user, who may read nothing that the guest may not.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.drivers.files import qcow2
from apps.drivers.files.layout import named
from apps.drivers.tools import UNPRIVILEGED_ID
from apps.drivers.volume_errors import volume_in_use

GUEST_USERS = range(1_900_000_000, 2_147_352_576)
"""See docs/concepts/guest-confinement.md."""
_lock = threading.Lock()
_lent: dict[tuple[int, int], int] = {}
"""Device and inode → how many tools have the file now."""


@dataclass(frozen=True, slots=True)
class Lent:
    """A descriptor that stands for the volume's file, and the user and group that may open it."""

    file: int
    user: int
    file_bytes: int


@contextmanager
def lent_for_reading(path: Path) -> Iterator[Lent]:
    """Let a tool read a volume, also while a VM writes to it."""
    with named(path) as file:
        seen = os.fstat(file)
        if not qcow2.is_written(path):  # other tools may be reading it, too
            with _given_to_tools(file):
                yield Lent(file, UNPRIVILEGED_ID, seen.st_size)
        elif seen.st_uid in GUEST_USERS:
            yield Lent(file, seen.st_uid, seen.st_size)
        else:  # a tool changes it, or its VM has been started before guests had users of their own
            raise volume_in_use(path.stem)


@contextmanager
def lent_for_writing(path: Path) -> Iterator[Lent]:
    """Let a tool change a volume that nobody has open."""
    with named(path) as file:
        if qcow2.is_open(path):
            raise volume_in_use(path.stem)
        with _given_to_tools(file):
            yield Lent(file, UNPRIVILEGED_ID, os.fstat(file).st_size)


@contextmanager
def _given_to_tools(file: int) -> Iterator[None]:
    seen = os.fstat(file)
    key = (seen.st_dev, seen.st_ino)
    with _lock:
        _lent[key] = _lent.get(key, 0) + 1
        os.chown(f"/proc/self/fd/{file}", UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    try:
        yield
    finally:
        with _lock:
            _lent[key] -= 1
            if not _lent[key]:
                del _lent[key]
                # A VM that has been started meanwhile has its file by now: libvirt gave it to the guest.
                if os.fstat(file).st_uid == UNPRIVILEGED_ID:
                    os.chown(f"/proc/self/fd/{file}", os.geteuid(), os.getegid())
