"""Pools, images and volumes."""

from dataclasses import dataclass, field
from enum import StrEnum

from apps.drivers.bounds import Counter, Word


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


@dataclass(frozen=True, slots=True)
class PoolObservation:
    """Capacity of a pool and the identifiers of what it holds."""

    capacity_bytes: Counter
    used_bytes: Counter
    volumes: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


class PoolKind(StrEnum):
    VOLUME = "volume"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Files that a run was writing for a volume or image, and for how long nobody has written to any of them."""

    kind: PoolKind
    id: str
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class PoolInventory:
    """Everything of ours in a pool: identifier → size of the disk inside in bytes, and what never became whole."""

    volumes: dict[str, int] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    unfinished: tuple[Unfinished, ...] = ()
