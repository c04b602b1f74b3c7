"""Opening RBD images, and telling apart why one cannot be opened."""

import time
from collections.abc import Callable
from typing import Any

import rados
import rbd

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _

TRIES = 5
PAUSE_SECONDS = 0.1


class HalfMade(DriverError):
    """An RBD image whose creation or removal was cut short, by a worker that was killed or a cluster that hung."""

    def __init__(self, name: str) -> None:
        super().__init__(
            _("%(name)s is incomplete in Ceph."),
            values={"name": name},
            code="volumes.incomplete",
            hint=_("Retry its creation or its deletion."),
        )


def open_image(context: Any, name: str, *, read_only: bool = False) -> Any | None:
    """Return the RBD image, to be closed; None when there is none; raise `HalfMade` when there is only a part of one.

    A clone cannot be opened for a moment when the last of its parent is being removed.
    """
    for _try in range(TRIES):
        try:
            return rbd.Image(context, name, read_only=read_only)
        except rbd.ImageNotFound:
            if not _is_known(context, name):
                return None
        time.sleep(PAUSE_SECONDS)
    raise HalfMade(name)


def remove_remains(context: Any, name: str, guard: Callable[[], None]) -> None:
    """Remove what is there of an RBD image that cannot be opened."""
    guard()
    rbd.RBD().remove(context, name)


def _is_known(context: Any, name: str) -> bool:
    """Return whether the pool's directory, or an object of its own, still names the RBD image."""
    try:
        context.stat(f"rbd_id.{name}")
    except rados.ObjectNotFound:
        return _is_in_directory(context, name)
    return True


def _is_in_directory(context: Any, name: str) -> bool:
    with rados.ReadOpCtx() as operation:
        found, _status = context.get_omap_vals_by_keys(operation, (f"name_{name}",))
        try:
            context.operate_read_op(operation, "rbd_directory")
        except rados.ObjectNotFound:
            return False
        return bool(list(found))
