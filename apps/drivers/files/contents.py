"""What is in a pool's directory."""

import os
from pathlib import Path

from apps.drivers.errors import DriverError
from apps.drivers.files import qcow2
from apps.drivers.files.layout import SUFFIX, folder, ids_in, unfinished_in
from apps.drivers.files.volume_files import snapshots_in
from apps.drivers.specs import PoolInventory, PoolKind, PoolObservation, PoolSpec, Unfinished

FILES = (PoolKind.VOLUME, PoolKind.IMAGE)
"""What has a file of its own; snapshots are inside their volumes'."""


def observe(pool: PoolSpec) -> PoolObservation:
    """Return capacity and files. No file is opened, so its snapshots are not among them: see `inventory`."""
    contents = {kind: tuple(ids_in(folder_of(pool, kind))) for kind in FILES}
    room = os.statvfs(pool.path)
    return PoolObservation(
        capacity_bytes=room.f_blocks * room.f_frsize,
        used_bytes=(room.f_blocks - room.f_bavail) * room.f_frsize,
        contents=contents,
    )


def inventory(pool: PoolSpec) -> PoolInventory:
    """Return volumes, images and snapshots with their sizes, and unfinished files."""
    folders = {kind: folder_of(pool, kind) for kind in FILES}
    sizes = {kind: _sizes(path) for kind, path in folders.items()}
    kept = _snapshots(folders[PoolKind.VOLUME])
    return PoolInventory(
        sizes={**sizes, PoolKind.SNAPSHOT: {id: size for own in kept.values() for id, size in own.items()}},
        snapshot_of={id: volume for volume, own in kept.items() for id in own},
        unfinished=tuple(
            Unfinished(kind, id, idle)
            for kind, path in folders.items()
            for id, idle in sorted(unfinished_in(path).items())
        ),
    )


def folder_of(pool: PoolSpec, kind: PoolKind) -> Path:
    """Return the directory of one kind."""
    return folder(pool, f"{kind}s")


def _sizes(path: Path) -> dict[str, int]:
    """Return identifier → size of the disk inside, 0 for a file that is damaged."""
    found: dict[str, int] = {}
    for id in ids_in(path):
        try:
            found[id] = qcow2.virtual_bytes(path / f"{id}{SUFFIX}")
        except FileNotFoundError:
            continue
        except (ValueError, OSError, DriverError):
            found[id] = 0
    return found


def _snapshots(volumes: Path) -> dict[str, dict[str, int]]:
    """Return volume → identifier and size of the disk of its snapshots; a damaged file has none."""
    found: dict[str, dict[str, int]] = {}
    for id in ids_in(volumes):
        try:
            found[id] = snapshots_in(id, volumes / f"{id}{SUFFIX}")
        except (OSError, DriverError):
            continue
    return found
