"""What RBD images are called. Hosts use these names, too, so nothing here needs librbd."""

from apps.drivers.ids import checked_id
from apps.drivers.specs import PoolKind

BASE = "base"
"""The snapshot of an image that thin volumes read."""
KINDS = (PoolKind.IMAGE, PoolKind.VOLUME)
UNFINISHED = "unfinished-"


def image_name(id: str) -> str:
    """Return the RBD image that holds an image."""
    return f"{PoolKind.IMAGE}-{checked_id(id)}"


def volume_name(id: str) -> str:
    """Return the RBD image that holds a volume."""
    return f"{PoolKind.VOLUME}-{checked_id(id)}"


def unfinished_name(id: str) -> str:
    """Return what a host writes an image to until it is whole."""
    return f"{UNFINISHED}{image_name(id)}"


def parsed(name: str) -> tuple[PoolKind, str] | None:
    """Return what an RBD image of ours holds; None for one that is not ours, or unfinished."""
    for kind in KINDS:
        start = f"{kind}-"
        if name.startswith(start) and is_id(name.removeprefix(start)):
            return kind, name.removeprefix(start)
    return None


def is_id(text: str) -> bool:
    """Return whether the text is an identifier of ours."""
    return len(text) == 36 and text.replace("-", "").isalnum() and text == text.lower()
