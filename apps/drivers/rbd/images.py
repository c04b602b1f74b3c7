"""Images in a Ceph pool: the read-only parents of thin system disks."""

from collections.abc import Callable
from typing import Any

import rbd

from apps.drivers.rbd.names import BASE, image_name, unfinished_name
from apps.drivers.specs import ImageInfo, ImageSpec
from apps.drivers.volume_errors import image_in_use

FORMAT, STORED = "scloud.source_format", "scloud.stored_bytes"
Guard = Callable[[], None]


def info(context: Any, spec: ImageSpec) -> ImageInfo | None:
    """Return what the pool knows of an image; None when it is not there, or not whole."""
    try:
        with rbd.Image(context, image_name(spec.id), read_only=True) as image:
            known = dict(image.metadata_list())
            return ImageInfo(image.size(), int(known.get(STORED, 0)), known.get(FORMAT, "raw"))
    except rbd.ImageNotFound:
        return None


def finish(context: Any, spec: ImageSpec, written: ImageInfo, guard: Guard) -> None:
    """Give what a host has written its own name, with what was learnt of it."""
    name = unfinished_name(spec.id)
    with rbd.Image(context, name) as image:
        guard()
        image.metadata_set(FORMAT, written.source_format)
        image.metadata_set(STORED, str(written.stored_bytes))
        image.metadata_set("scloud.id", spec.id)
    guard()
    rbd.RBD().rename(context, name, image_name(spec.id))


def keep_base(context: Any, spec: ImageSpec, guard: Guard) -> None:
    """Make the snapshot that volumes read, unless it is there."""
    with rbd.Image(context, image_name(spec.id)) as image:
        if all(snapshot["name"] != BASE for snapshot in image.list_snaps()):
            guard()
            image.create_snap(BASE)


def remove(context: Any, spec: ImageSpec, guard: Guard) -> None:
    """Remove an image that no volume is thin over; fine when it is gone."""
    name = image_name(spec.id)
    try:
        with rbd.Image(context, name) as image:
            if any(snapshot["name"] == BASE for snapshot in image.list_snaps()):
                image.set_snap(BASE)
                if any(not child["trash"] for child in image.list_children2()):
                    raise image_in_use(spec)
                image.set_snap(None)
                guard()
                image.remove_snap(BASE)
        guard()
        rbd.RBD().trash_move(context, name)
    except rbd.ImageNotFound:
        return
