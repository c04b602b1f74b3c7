"""Pools, images and volumes."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import MOST_FILES, Counter, FileName, Seconds, Word

FileNames = Annotated[tuple[FileName, ...], Meta(max_length=MOST_FILES)]
Sizes = Annotated[dict[FileName, Counter], Meta(max_length=MOST_FILES)]


#: The directory of a pool from which images are imported.
IMPORTS = "import"
#: What can be imported.
IMAGE_FORMATS = frozenset({"qcow2", "raw", "vmdk", "vpc", "vhdx", "vdi"})


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Where volumes live. `driver` is "file" (a directory every host of the pool mounts) or, later, "rbd"."""

    id: str
    driver: str
    path: str


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image kept in a pool as the read-only parent of thin system disks."""

    id: str
    pool: PoolSpec


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the pool knows of an image after its import."""

    virtual_bytes: Counter
    stored_bytes: Counter
    source_format: Word


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A disk: blank, or a thin clone of `image_id` in the same pool. Limits of 0 mean unlimited."""

    id: str
    pool: PoolSpec
    size_gib: int
    image_id: str | None = None
    generation: int = 1


class PoolKind(StrEnum):
    VOLUME = "volume"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class PoolObservation:
    """Capacity of a pool and, by kind, the identifiers of what it holds."""

    capacity_bytes: Counter
    used_bytes: Counter
    contents: Annotated[dict[PoolKind, FileNames], Meta(max_length=len(PoolKind))] = field(
        default_factory=dict
    )

    def of(self, kind: PoolKind) -> tuple[str, ...]:
        """Return the identifiers of one kind."""
        return self.contents.get(kind, ())


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Files that a run was writing for a volume or image, and for how long nobody has written to any of them."""

    kind: PoolKind
    id: FileName
    idle_seconds: Seconds


@dataclass(frozen=True, slots=True)
class PoolInventory:
    """What of ours is in a pool: by kind, identifier → size of the disk inside in bytes; and what is unfinished."""

    sizes: Annotated[dict[PoolKind, Sizes], Meta(max_length=len(PoolKind))] = field(default_factory=dict)
    unfinished: Annotated[tuple[Unfinished, ...], Meta(max_length=MOST_FILES)] = ()

    def of(self, kind: PoolKind) -> dict[str, int]:
        """Return identifier → size of one kind."""
        return self.sizes.get(kind, {})
