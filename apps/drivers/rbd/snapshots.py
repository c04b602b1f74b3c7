"""Volumes that exist, and their snapshots: the RBD image's own, called by their identifiers."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rbd

from apps.drivers.rbd import contents
from apps.drivers.rbd.names import volume_name
from apps.drivers.rbd.opening import HalfMade, open_image, remove_remains
from apps.drivers.specs import SnapshotSpec, VolumeSpec
from apps.drivers.volume_errors import missing_snapshot, missing_volume, volume_in_use

GIB = 1 << 30
Guard = Callable[[], None]


def opened(context: Any, spec: VolumeSpec, *, read_only: bool = False) -> Any:
    """Return a volume's RBD image, to be closed; raise `DriverError` when there is none."""
    image = open_image(context, volume_name(spec.id), read_only=read_only)
    if image is None:
        raise missing_volume(spec)
    return image


def ensure(context: Any, spec: SnapshotSpec, guard: Guard) -> None:
    """Make the snapshot."""
    with opened(context, spec.volume) as image:
        if any(snapshot["name"] == spec.id for snapshot in contents.snapshots(image)):
            return
        guard()
        with suppress(rbd.ImageExists):  # another worker was faster
            image.create_snap(spec.id)


def ensure_absent(context: Any, spec: SnapshotSpec, guard: Guard) -> None:
    """Remove the snapshot. Ceph keeps its data for clones that still read from it."""
    image = open_image(context, volume_name(spec.volume.id))
    if image is None:
        return
    with image, suppress(rbd.ImageNotFound, rbd.ObjectNotFound):
        guard()
        image.remove_snap(spec.id)


def roll_back(context: Any, spec: SnapshotSpec, guard: Guard) -> None:
    """Put the volume back to the snapshot; a size that it has got since stays."""
    with opened(context, spec.volume, read_only=True) as image:
        if contents.is_watched(image):
            raise volume_in_use(spec.volume.id)
        size = max(image.size(), spec.volume.size_gib * GIB)
    with opened(context, spec.volume) as image:
        guard()
        try:
            image.rollback_to_snap(spec.id)
        except (rbd.ImageNotFound, rbd.ObjectNotFound) as error:
            raise missing_snapshot(spec.volume.id, spec.id) from error
        if image.size() < size:  # RBD takes the size back, too
            image.resize(size)


def remove_all(context: Any, spec: VolumeSpec, guard: Guard) -> bool:
    """Remove all snapshots of a volume that nobody has open; return False when there is no such volume."""
    name = volume_name(spec.id)
    try:
        image = open_image(context, name, read_only=True)
    except HalfMade:
        remove_remains(context, name, guard)
        return False
    if image is None:
        return False
    with image:
        if contents.is_watched(image):
            raise volume_in_use(spec.id)
        kept = [snapshot["name"] for snapshot in contents.snapshots(image)]
    if kept:
        with opened(context, spec) as image:
            for name in kept:
                guard()
                image.remove_snap(name)
    return True
