"""Reading what is in a pool."""

import time
from collections.abc import Iterator
from datetime import UTC
from typing import Any

import rbd

from apps.drivers.rbd.names import UNFINISHED, is_id, parsed
from apps.drivers.rbd.opening import HalfMade, open_image
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
    snapshot_of: dict[str, str] = {}
    unfinished = []
    for name in names(context):
        known = parsed(name)
        left = parsed(name.removeprefix(UNFINISHED)) if name.startswith(UNFINISHED) else None
        if known is not None:
            found, its_snapshots = _look_at(context, name)
            if found is not None:
                sizes[known[0]][known[1]] = found
                sizes[PoolKind.SNAPSHOT].update(its_snapshots)
                snapshot_of.update(dict.fromkeys(its_snapshots, known[1]))
        elif left is not None:
            unfinished.append(Unfinished(left[0], left[1], idle_seconds(context, name)))
    return PoolInventory(sizes=sizes, snapshot_of=snapshot_of, unfinished=tuple(unfinished))


def _look_at(context: Any, name: str) -> tuple[int | None, dict[str, int]]:
    """Return size and snapshots of an RBD image: None for one removed meanwhile, 0 for one that is incomplete."""
    try:
        image = open_image(context, name, read_only=True)
    except HalfMade:
        return 0, {}
    if image is None:
        return None, {}
    with image:
        return image.size(), {snapshot["name"]: snapshot["size"] for snapshot in snapshots(image)}


def snapshots(image: Any) -> Iterator[Any]:
    """Yield the snapshots that users made of a volume."""
    for snapshot in image.list_snaps():
        if snapshot["namespace"] == rbd.RBD_SNAP_NAMESPACE_TYPE_USER and is_id(snapshot["name"]):
            yield snapshot


def idle_seconds(context: Any, name: str) -> float:
    """Return for how long nobody has written to an RBD image; 0 while somebody has it open, and for none."""
    image = open_image(context, name, read_only=True)
    if image is None:
        return 0.0
    with image:
        if is_watched(image):
            return 0.0
        written: float = image.modify_timestamp().replace(tzinfo=UTC).timestamp()
        return max(0.0, time.time() - written)


def is_watched(image: Any) -> bool:
    """Return whether a client has it open for writing. `image` is open read-only, or it would be its own watcher."""
    return any(True for _ in image.watchers_list())
