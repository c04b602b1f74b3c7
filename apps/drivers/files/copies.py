"""A new volume or image with the data of a volume's snapshot: a copy of its own, so that each can be deleted alone.

An image is always whole. A volume that is thin over an image is copied thin over it when the copy's spec names the
image, and whole otherwise. Only the snapshot is read, which nobody writes to: a running VM may have the volume open.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apps.drivers.files import qcow2, qemu_img
from apps.drivers.files.layout import SUFFIX, reading
from apps.drivers.files.lending import Lent, lent_for_reading
from apps.drivers.files.qemu_img import chain, name_of, whole_image
from apps.drivers.files.sources import new_file
from apps.drivers.files.volume_files import (
    backing_of,
    existing_path,
    image_in_header,
    snapshots_in,
)
from apps.drivers.ids import checked_id
from apps.drivers.specs import SnapshotSpec, VolumeSource, VolumeSpec
from apps.drivers.tools import GIB
from apps.drivers.volume_errors import missing_image, missing_snapshot, no_room, strange_volume

NOTE = ".progress.partial"
TAIL_BYTES = 64
_PERCENT = re.compile(rb"\((\d{1,3})\.\d\d/100%\)")


@dataclass(frozen=True, slots=True)
class Origin:
    """An opened snapshot: its volume as a tool may open it, and the image under it."""

    snapshot: str
    lent: Lent
    base: int | None
    virtual_bytes: int

    @property
    def files(self) -> tuple[int, ...]:
        """The descriptors that a tool needs."""
        return (self.lent.file,) if self.base is None else (self.lent.file, self.base)

    def words(self, *, whole: bool) -> tuple[str, ...]:
        """Return the words by which qemu-img reads the snapshot, with what is in the image under it or without."""
        return (
            "-U",
            "-l",
            f"snapshot.name={self.snapshot}",
            chain(self.lent.file, self.base if whole else None),
        )


def copy_snapshot(spec: VolumeSpec, source: VolumeSource, target: Path) -> None:
    """Write a volume with the snapshot's data to `target`, which ends in ".partial"."""
    original = VolumeSpec(checked_id(source.volume_id), spec.pool, spec.size_gib)
    with _kept(SnapshotSpec(checked_id(source.snapshot_id), original)) as (path, size):
        image = image_in_header(path.stem, path)
        if spec.image_id is not None and spec.image_id != image:
            raise strange_volume(path.stem)
        with _opened(spec, image, source.snapshot_id, path) as origin:
            _need_room(origin, target, whole=spec.image_id is None)
            _convert(spec, origin, target, max(size, spec.size_gib * GIB))


def copy_to_image(image_id: str, source: SnapshotSpec, target: Path) -> None:
    """Write all that the snapshot holds to `target`, which ends in ".partial", as a file that needs no other."""
    volume = source.volume
    whole = VolumeSpec(image_id, volume.pool, 0)
    with _kept(source) as (path, size):
        # By the spec: a guest that has taken over its QEMU could have another tenant's image copied here.
        if image_in_header(path.stem, path) != volume.image_id:
            raise strange_volume(path.stem)
        with _opened(volume, volume.image_id, checked_id(source.id), path) as origin:
            _need_room(origin, target, whole=True)
            _convert(whole, origin, target, size)


@contextmanager
def _kept(source: SnapshotSpec) -> Iterator[tuple[Path, int]]:
    """Give a volume's file and the size of its snapshot, which must be there before and after it is copied."""
    volume = source.volume
    path = existing_path(volume)
    sizes = snapshots_in(volume.id, path)
    if source.id not in sizes:
        raise missing_snapshot(volume.id, source.id)
    yield path, sizes[source.id]
    # Had it been removed meanwhile, the rest of it could have been written over.
    if source.id not in snapshots_in(volume.id, path):
        raise missing_snapshot(volume.id, source.id)


@contextmanager
def _opened(spec: VolumeSpec, image: str | None, snapshot: str, path: Path) -> Iterator[Origin]:
    with lent_for_reading(path) as lent:
        size = qcow2.virtual_bytes(path)
        if image is None:
            yield Origin(snapshot, lent, None, size)
            return
        base = path.parent.parent / "images" / f"{image}{SUFFIX}"
        if not base.exists():
            raise missing_image(VolumeSpec(path.stem, spec.pool, spec.size_gib, image))
        with reading(base) as opened:
            yield Origin(snapshot, lent, opened.fileno(), size)


def _need_room(origin: Origin, target: Path, *, whole: bool) -> None:
    limits = whole_image(origin.virtual_bytes)
    words = ("measure", "--output=json", "-O", "qcow2", *origin.words(whole=whole))
    measured = qemu_img.of_strangers(*words, limits=limits, files=origin.files, user=origin.lent.user)
    room = os.statvfs(target.parent)
    needed, free = int(json.loads(measured)["required"]), room.f_bavail * room.f_frsize
    if needed > free:
        raise no_room(needed, free)


def _convert(spec: VolumeSpec, origin: Origin, target: Path, wanted: int) -> None:
    backing = backing_of(spec)
    qemu_img.create(target, origin.virtual_bytes, backing)
    written, user = os.open(target, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), origin.lent.user
    size = min(wanted, origin.virtual_bytes)
    try:
        os.fchown(written, user, user)
        _copy(origin, written, target, backing)
        # The copy has the size that its source has now; what the source has got since the snapshot is empty.
        if size < origin.virtual_bytes:
            words = ("resize", "-q", "--shrink", chain(written, None), str(size))
            qemu_img.of_strangers(*words, limits=whole_image(0, size), files=(written,), user=user)
        os.fchown(written, os.geteuid(), os.getegid())
    finally:
        os.close(written)
    # What wrote it may have been taken over by what it read.
    if qcow2.references(target) != backing or qcow2.virtual_bytes(target) != size:
        raise strange_volume(spec.id)


def _copy(origin: Origin, written: int, target: Path, backing: str) -> None:
    kind = ("-B", backing, "-F", "qcow2") if backing else ("--target-is-zero",)
    words = ("convert", "-p", "-n", *kind, "--target-image-opts", *origin.words(whole=True))
    with _note(target) as note:
        qemu_img.of_strangers(
            *(*words, _target(written, origin, backing)),
            limits=whole_image(origin.virtual_bytes, origin.virtual_bytes),
            files=(*origin.files, written),
            user=origin.lent.user,
            output=note,
        )


def _target(file: int, origin: Origin, backing: str) -> str:
    words = f"driver=qcow2,file.driver=file,file.filename={name_of(file)}"
    if not backing:
        return words
    assert origin.base is not None
    return (
        f"{words},backing.driver=qcow2,backing.file.driver=file,backing.file.filename={name_of(origin.base)}"
    )


@contextmanager
def _note(target: Path) -> Iterator[int]:
    """Give the descriptor of a file that qemu-img's progress goes to."""
    path = target.with_name(target.name.removesuffix(".partial") + NOTE)
    file = new_file(path)
    try:
        yield file
    finally:
        os.close(file)
        path.unlink(missing_ok=True)


def how_far(volume: Path, size_bytes: int) -> tuple[int, int]:
    """Return how many bytes of the disk have been copied so far, and of how many; 0 for unknown."""
    try:
        for path in volume.parent.glob(f"{volume.name}.*{NOTE}"):
            with reading(path) as file:
                file.seek(max(os.fstat(file.fileno()).st_size - TAIL_BYTES, 0))
                percents = _PERCENT.findall(file.read(TAIL_BYTES))
            if percents:
                return min(int(percents[-1]), 100) * size_bytes // 100, size_bytes
    except OSError:
        pass
    return 0, 0
