"""Making volumes, and what the cluster itself keeps of them, for people who look there."""

from collections.abc import Callable
from typing import Any

import rbd

from apps.drivers.rbd import snapshots
from apps.drivers.rbd.images import THIN_OVER
from apps.drivers.rbd.names import BASE, image_name, volume_name
from apps.drivers.rbd.opening import HalfMade, open_image, remove_remains
from apps.drivers.specs import VolumeSpec
from apps.drivers.volume_errors import missing_image, missing_snapshot

GIB = 1 << 30
Guard = Callable[[], None]


def ensure(context: Any, spec: VolumeSpec, guard: Guard) -> None:
    """Make the volume, or grow it. Where a VM has it open, librbd has QEMU grow it."""
    size = spec.size_gib * GIB
    _make_if_missing(context, spec, size, guard)
    with snapshots.opened(context, spec, read_only=True) as image:
        is_small = image.size() < size
        missing = _about(spec) - set(image.metadata_list())
    if not (is_small or missing):
        return
    with snapshots.opened(context, spec) as image:
        if is_small:
            guard()
            image.resize(size)
        for key, value in missing:
            guard()
            image.metadata_set(key, value)


def _make_if_missing(context: Any, spec: VolumeSpec, size: int, guard: Guard) -> None:
    name = volume_name(spec.id)
    try:
        image = open_image(context, name, read_only=True)
    except HalfMade:
        remove_remains(context, name, guard)
        image = None
    if image is None:
        _make(context, spec, size, guard)
    else:
        image.close()


def _make(context: Any, spec: VolumeSpec, size: int, guard: Guard) -> None:
    name = volume_name(spec.id)
    guard()
    try:
        if spec.source is not None:
            parent = volume_name(spec.source.volume_id)
            rbd.RBD().clone(context, parent, spec.source.snapshot_id, context, name)
        elif spec.image_id is not None:
            rbd.RBD().clone(context, image_name(spec.image_id), BASE, context, name)
        else:
            rbd.RBD().create(context, name, size, old_format=False)
    except rbd.ImageExists:
        return  # another worker was faster
    except rbd.ImageNotFound as error:
        if spec.source is None:
            raise missing_image(spec) from error
        raise missing_snapshot(spec.source.volume_id, spec.source.snapshot_id) from error


def _about(spec: VolumeSpec) -> set[tuple[str, str]]:
    about = {"scloud.id": spec.id, "scloud.generation": str(spec.generation)}
    # A clone has what was kept of its parent, so "none" must be written, too.
    return {*about.items(), (THIN_OVER, spec.image_id or "")}
