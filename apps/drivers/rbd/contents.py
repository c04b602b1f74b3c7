"""Reading what is in a pool."""

import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import rbd

from apps.drivers.rbd.names import UNFINISHED, is_id, parsed
from apps.drivers.specs import PoolInventory, PoolKind, Unfinished


def names(context: Any) -> list[str]:
    """Return the names of all RBD images in the pool."""
    return [image["name"] for image in rbd.RBD().list2(context)]


def ours(context: Any) -> dict[PoolKind, tuple[str, ...]]:
    """Return the identifiers of images and volumes, by kind."""
    found: dict[PoolKind, list[str]] = {PoolKind.IMAGE: [], PoolKind.VOLUME: []}
    for name in names(context):
        known = parsed(name)
        if known is not None:
            found[known[0]].append(known[1])
    return {kind: tuple(sorted(ids)) for kind, ids in found.items()}


def inventory(context: Any) -> PoolInventory:
    """Open each RBD image of ours and return their sizes, those of snapshots, and what is unfinished."""
    sizes: dict[PoolKind, dict[str, int]] = {kind: {} for kind in PoolKind}
    unfinished = []
    for name in names(context):
        known = parsed(name)
        left = parsed(name.removeprefix(UNFINISHED)) if name.startswith(UNFINISHED) else None
        try:
            if known is not None:
                with rbd.Image(context, name, read_only=True) as image:
                    sizes[known[0]][known[1]] = image.size()
                    sizes[PoolKind.SNAPSHOT].update({s["name"]: s["size"] for s in snapshots(image)})
            elif left is not None:
                unfinished.append(Unfinished(left[0], left[1], idle_seconds(context, name)))
        except rbd.ImageNotFound:
            continue  # removed meanwhile
    return PoolInventory(sizes=sizes, unfinished=tuple(unfinished))


def snapshots(image: Any) -> Iterator[Any]:
    """Yield the snapshots that users made of a volume."""
    for snapshot in image.list_snaps():
        if snapshot["namespace"] == rbd.RBD_SNAP_NAMESPACE_TYPE_USER and is_id(snapshot["name"]):
            yield snapshot


def idle_seconds(context: Any, name: str) -> float:
    """Return for how long nobody has written to an RBD image; 0 while somebody has it open."""
    with rbd.Image(context, name, read_only=True) as image:
        if is_watched(image):
            return 0.0
        written: float = image.modify_timestamp().replace(tzinfo=UTC).timestamp()
        return max(0.0, time.time() - written)


def is_watched(image: Any) -> bool:
    """Return whether a client has it open for writing. `image` is open read-only, or it would be its own watcher."""
    return any(True for _ in image.watchers_list())
