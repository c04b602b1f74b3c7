"""Images in a Ceph pool: the read-only parents of thin system disks."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import rbd

from apps.drivers.rbd.names import BASE, image_name, unfinished_name
from apps.drivers.rbd.opening import HalfMade, open_image, remove_remains
from apps.drivers.specs import ImageInfo, ImageSpec
from apps.drivers.volume_errors import image_in_use

FORMAT, STORED, THIN_OVER = "scloud.source_format", "scloud.stored_bytes", "scloud.image"
Guard = Callable[[], None]


def info(context: Any, spec: ImageSpec) -> ImageInfo | None:
    """Return what the pool knows of an image; None when it is not there, or not whole."""
    image = open_image(context, image_name(spec.id), read_only=True)
    if image is None:
        return None
    with image:
        known = dict(image.metadata_list())
        return ImageInfo(image.size(), int(known.get(STORED, 0)), known.get(FORMAT, "raw"))


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
        image = open_image(context, name)
    except HalfMade:
        remove_remains(context, name, guard)
        return
    if image is None:
        return
    with image:
        if any(snapshot["name"] == BASE for snapshot in image.list_snaps()):
            if _is_used(context, image, spec):
                raise image_in_use(spec)
            guard()
            image.remove_snap(BASE)
    guard()
    with suppress(rbd.ImageNotFound):
        rbd.RBD().trash_move(context, name)


def _is_used(context: Any, image: Any, spec: ImageSpec) -> bool:
    """Return whether a volume is thin over the image: made of it, or a copy of one that was.

    Other copies only read from it until they are complete; its data stay for them.
    """
    image.set_snap(BASE)
    try:
        if any(not child["trash"] for child in image.list_children2()):
            return True
        copies = [each["image"] for each in image.list_descendants() if not each["trash"]]
    finally:
        image.set_snap(None)
    return any(_is_thin_over(context, name, spec.id) for name in copies)


def _is_thin_over(context: Any, name: str, image_id: str) -> bool:
    volume = open_image(context, name, read_only=True)
    if volume is None:
        return False
    with volume:
        return dict(volume.metadata_list()).get(THIN_OVER) == image_id
