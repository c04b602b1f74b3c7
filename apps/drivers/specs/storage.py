"""Pools, images and volumes."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import MOST_FILES, Counter, FileName, Line, Mark, Number, Seconds, Word

MOST_CHECKS = 64
"""Of one pool at a time; Ceph has some hundred kinds of them."""

FileNames = Annotated[tuple[FileName, ...], Meta(max_length=MOST_FILES)]
Sizes = Annotated[dict[FileName, Counter], Meta(max_length=MOST_FILES)]


#: The directory of a pool from which images are imported.
IMPORTS = "import"
#: As a source: the file that `Volumes.ensure_delivered` brought.
DELIVERED = "delivered:"
#: Of a file, in one order.
MOST_PART_BYTES = 1 << 20
Part = Annotated[bytes, Meta(max_length=MOST_PART_BYTES)]
#: What can be imported.
IMAGE_FORMATS = frozenset({"qcow2", "raw", "vmdk", "vpc", "vhdx", "vdi"})
#: Source format of an image that was made of a VM's disk.
CAPTURED = "qcow2"


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """Where volumes live.

    `driver` "file": `path` is a directory that every host of the pool mounts. "rbd": `path` is the name of a Ceph pool,
    `monitors` are its cluster's ("address:port"), `user` is the cephx user without "client.". The key is not part of
    it: see `PoolKey`.
    """

    id: str
    driver: str
    path: str
    monitors: tuple[str, ...] = ()
    user: str = ""


@dataclass(frozen=True, slots=True)
class PoolKey:
    """The cephx key of the pool `id`, in the form that `ceph auth print-key` writes (base64), and whose it is."""

    id: str
    user: str
    key: str = field(repr=False)


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
class VolumeSource:
    """A snapshot of another volume of the same pool, as what a new volume starts from."""

    volume_id: str
    snapshot_id: str


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A disk: blank, a thin clone of `image_id`, or with the data of a snapshot (`source`), all in the same pool.

    `image_id` stays what the volume is thin over for as long as it is; a copy of a thin volume has its source's.
    """

    id: str
    pool: PoolSpec
    size_gib: int
    image_id: str | None = None
    generation: int = 1
    source: VolumeSource | None = None


@dataclass(frozen=True, slots=True)
class SnapshotSpec:
    """What a volume held at one moment. It goes with its volume."""

    id: str
    volume: VolumeSpec


@dataclass(frozen=True, slots=True)
class CopyProgress:
    """How far a copy of a volume's data has come; it is `done` when the volume needs no other any more."""

    done: bool
    done_bytes: Counter = 0
    total_bytes: Counter = 0


class PoolKind(StrEnum):
    VOLUME = "volume"
    IMAGE = "image"
    SNAPSHOT = "snapshot"


class Severity(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One finding of a pool's own health checks: `code` as Ceph names it (OSD_DOWN), `text` its summary."""

    code: Mark
    severity: Severity
    text: Line


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """What a distributed pool says of itself. Capacity before replicas in bytes; rebuild in objects and bytes a second.

    `failure_domain`: what each replica stands on another of ("host", "osd").
    """

    severity: Severity = Severity.OK
    checks: Annotated[tuple[HealthCheck, ...], Meta(max_length=MOST_CHECKS)] = ()
    raw_capacity_bytes: Counter = 0
    raw_used_bytes: Counter = 0
    replicas: Number = 1
    replicas_needed: Number = 1
    failure_domain: Word = ""
    osds: Number = 0
    osds_up: Number = 0
    osds_in: Number = 0
    degraded_objects: Counter = 0
    misplaced_objects: Counter = 0
    objects: Counter = 0
    rebuild_bytes_per_second: Counter = 0
    rebuild_objects_per_second: Counter = 0


@dataclass(frozen=True, slots=True)
class PoolObservation:
    """Capacity of a pool, for users' data, and, by kind, the identifiers of what it holds."""

    capacity_bytes: Counter
    used_bytes: Counter
    contents: Annotated[dict[PoolKind, FileNames], Meta(max_length=len(PoolKind))] = field(
        default_factory=dict
    )
    health: PoolHealth | None = None

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
    """What of ours is in a pool: by kind, identifier → size of the disk inside in bytes; and what is unfinished.

    `snapshot_of`: snapshot → its volume.
    """

    sizes: Annotated[dict[PoolKind, Sizes], Meta(max_length=len(PoolKind))] = field(default_factory=dict)
    unfinished: Annotated[tuple[Unfinished, ...], Meta(max_length=MOST_FILES)] = ()
    snapshot_of: Annotated[dict[FileName, FileName], Meta(max_length=MOST_FILES)] = field(
        default_factory=dict
    )

    def of(self, kind: PoolKind) -> dict[str, int]:
        """Return identifier → size of one kind."""
        return self.sizes.get(kind, {})
