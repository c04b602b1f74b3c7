"""Snapshots of volumes: internal ones of the qcow2 file, named by their identifiers.

A volume that a running VM has open is changed by its QEMU only. Everything here may be run again from its start.
"""

from pathlib import Path
from typing import Protocol

from apps.drivers.files import qcow2, qemu_img
from apps.drivers.files.lending import Lent, lent_for_writing
from apps.drivers.files.volume_files import existing_path, need_own_header, snapshots_in
from apps.drivers.ids import checked_id
from apps.drivers.specs import SnapshotSpec, VolumeSpec
from apps.drivers.tools import GIB, Limits
from apps.drivers.volume_errors import missing_snapshot, volume_in_use, volume_open_elsewhere

SECONDS = 600
"""For the tables of the largest disks on the slowest pools; they are quick otherwise."""


class LiveVolumes(Protocol):
    """Snapshots of volumes that running VMs of this host have open, by their QEMU."""

    def ensure_snapshot(self, path: Path, id: str) -> None:
        """Make a snapshot, unless there is one of this name; raise `DriverError` when no VM here has the file."""

    def ensure_snapshot_absent(self, path: Path, id: str) -> None:
        """Remove a snapshot."""


class NoLiveVolumes:
    """Of a process that has no hypervisor."""

    def ensure_snapshot(self, path: Path, id: str) -> None:
        raise volume_open_elsewhere(path.stem)

    def ensure_snapshot_absent(self, path: Path, id: str) -> None:
        raise volume_open_elsewhere(path.stem)


def ensure(spec: SnapshotSpec, live: LiveVolumes) -> None:
    """Make the snapshot."""
    path, id = existing_path(spec.volume), checked_id(spec.id)
    if qcow2.is_open(path):
        live.ensure_snapshot(path, id)
        return
    need_own_header(spec.volume, path)
    if id not in snapshots_in(spec.volume.id, path):
        _change(path, "snapshot", "-q", "-c", id)


def ensure_absent(spec: SnapshotSpec, live: LiveVolumes, path: Path) -> None:
    """Remove the snapshot from the volume's file."""
    id = checked_id(spec.id)
    if qcow2.is_open(path):
        live.ensure_snapshot_absent(path, id)
        return
    need_own_header(spec.volume, path)
    if id in snapshots_in(spec.volume.id, path):
        _change(path, "snapshot", "-q", "-d", id)


def roll_back(spec: SnapshotSpec) -> None:
    """Put the volume back to the snapshot; a size that it has got since stays."""
    path, id = existing_path(spec.volume), checked_id(spec.id)
    if qcow2.is_open(path):
        raise volume_in_use(spec.volume.id)
    need_own_header(spec.volume, path)
    if id not in snapshots_in(spec.volume.id, path):
        raise missing_snapshot(spec.volume.id, id)
    size = max(qcow2.virtual_bytes(path), spec.volume.size_gib * GIB)
    _change(path, "snapshot", "-q", "-a", id)
    grow(spec.volume, path, size)


def grow(spec: VolumeSpec, path: Path, size_bytes: int) -> None:
    """Grow a volume that no VM has open."""
    need_own_header(spec, path)
    if qcow2.virtual_bytes(path) < size_bytes:
        _change(path, "resize", "-q", after=(str(size_bytes),))


def _change(path: Path, *words: str, after: tuple[str, ...] = ()) -> None:
    with lent_for_writing(path) as lent:
        name = qemu_img.chain(lent.file, None)
        qemu_img.of_strangers(*words, name, *after, limits=_limits(lent), files=(lent.file,), user=lent.user)


def _limits(lent: Lent) -> Limits:
    """Only tables are written: a crafted file gets no more room and time than those of an honest one take."""
    return Limits(
        seconds=SECONDS, cpu_seconds=SECONDS // 2, memory_bytes=GIB, file_bytes=lent.file_bytes + GIB
    )
