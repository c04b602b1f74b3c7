"""What every `Volumes` does. Subclasses give `volumes`, a `pool`, and `source` (path of a clean image of 64 MiB).

`SnapshotsContract` also needs `other_pool`, and a way to write to a volume that no VM has open.
"""

import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.specs import PoolKind, PoolSpec, SnapshotSpec, VolumeSource, VolumeSpec
from apps.drivers.specs.storage import DELIVERED, MOST_PART_BYTES
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_volume, an_image, make_bootable, new_id


def a_file(path: Path) -> bytes:
    """Return a clean image of 64 MiB."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "64M"], check=True)
    make_bootable(path)
    return path.read_bytes()


class VolumesContract:
    def test_an_imported_image_tells_its_size(self, volumes: Volumes, pool: PoolSpec, source: str) -> None:
        info = volumes.ensure_image(an_image(pool), source)
        assert info.virtual_bytes == 64 << 20
        assert info.source_format == "qcow2"
        assert info.stored_bytes > 0

    def test_importing_again_answers_the_same(self, volumes: Volumes, pool: PoolSpec, source: str) -> None:
        image = an_image(pool)
        assert volumes.ensure_image(image, source) == volumes.ensure_image(image, source)

    @pytest.mark.requirement("IM-5")
    def test_a_file_that_is_no_image_is_refused_and_leaves_nothing(
        self, volumes: Volumes, pool: PoolSpec, uploads: Path
    ) -> None:
        image = an_image(pool)
        text = uploads / "notes.qcow2"
        text.write_text("not an image\n" * 1000)
        with refused("volumes.image_invalid"):
            volumes.ensure_image(image, str(text))
        assert volumes.observe(pool).of(PoolKind.IMAGE) == ()

    @pytest.mark.requirement("IM-5")
    def test_an_image_that_refers_to_another_file_is_refused(
        self, volumes: Volumes, pool: PoolSpec, backed_source: str
    ) -> None:
        with refused("volumes.image_invalid"):
            volumes.ensure_image(an_image(pool), backed_source)
        assert volumes.observe(pool).of(PoolKind.IMAGE) == ()

    def test_a_source_that_is_gone_is_a_permanent_error(
        self, volumes: Volumes, pool: PoolSpec, uploads: Path
    ) -> None:
        with pytest.raises(DriverError) as caught:
            volumes.ensure_image(an_image(pool), str(uploads / "gone"))
        assert caught.value.code == "volumes.source_missing"
        assert caught.value.permanent

    @pytest.mark.requirement("IM-2")
    def test_an_image_is_made_of_parts_that_come_in_any_pieces_and_again(
        self, volumes: Volumes, pool: PoolSpec, uploads: Path
    ) -> None:
        image, whole = an_image(pool), a_file(uploads / "whole.qcow2")
        assert volumes.ensure_delivered(image, 0, b"") == 0
        assert volumes.ensure_delivered(image, 512, b"behind the end") == 0
        cuts = [*range(0, len(whole), max(len(whole) // 3, 1)), len(whole)]
        for start, end in itertools.pairwise(cuts):
            for _ in range(2):
                assert volumes.ensure_delivered(image, start, whole[start:end]) == end
        assert volumes.ensure_delivered(image, 0, b"") == len(whole)
        info = volumes.ensure_image(image, DELIVERED)
        assert (info.virtual_bytes, info.source_format) == (64 << 20, "qcow2")
        assert volumes.ensure_image(image, DELIVERED) == info
        assert volumes.ensure_delivered(image, 0, b"") == 0

    @pytest.mark.requirement("IM-5")
    def test_a_delivered_file_that_is_no_image_is_refused_and_removed(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        image = an_image(pool)
        volumes.ensure_delivered(image, 0, b"not an image\n" * 1000)
        with refused("volumes.image_invalid"):
            volumes.ensure_image(image, DELIVERED)
        assert volumes.ensure_delivered(image, 0, b"") == 0
        assert volumes.observe(pool).of(PoolKind.IMAGE) == ()
        with refused("volumes.delivery_lost"):
            volumes.ensure_image(image, DELIVERED)

    @pytest.mark.requirement("IM-2")
    def test_a_delivery_begins_anew_at_its_start_and_goes_with_its_image(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        image = an_image(pool)
        volumes.ensure_delivered(image, 0, bytes(4096))
        assert volumes.ensure_delivered(image, 0, bytes(512)) == 512
        volumes.ensure_image_absent(image)
        assert volumes.ensure_delivered(image, 0, b"") == (512 if pool.driver == "rbd" else 0)

    @pytest.mark.requirement("IM-3")
    def test_an_exported_image_is_read_in_parts_and_gives_the_same_image_again(
        self, volumes: Volumes, pool: PoolSpec, source: str
    ) -> None:
        image, again = an_image(pool), an_image(pool)
        info = volumes.ensure_image(image, source)
        size = volumes.ensure_exported(image)
        assert volumes.ensure_exported(image) == size
        parts = [volumes.read_exported(image, at) for at in range(0, size, MOST_PART_BYTES)]
        whole = b"".join(parts)
        assert len(whole) == size
        assert all(len(part) == MOST_PART_BYTES for part in parts[:-1])
        assert volumes.read_exported(image, size) == b""
        assert volumes.read_exported(image, 100) == whole[100 : 100 + MOST_PART_BYTES]
        assert whole.startswith(b"QFI\xfb")

        for at in range(0, size, MOST_PART_BYTES):
            volumes.ensure_delivered(again, at, whole[at : at + MOST_PART_BYTES])
        assert volumes.ensure_image(again, DELIVERED).virtual_bytes == info.virtual_bytes

    @pytest.mark.requirement("IM-3")
    def test_the_end_of_an_export_leaves_the_image(
        self, volumes: Volumes, pool: PoolSpec, source: str
    ) -> None:
        image = an_image(pool)
        volumes.ensure_image(image, source)
        before = volumes.inventory(pool)
        for _ in range(2):
            volumes.ensure_exported(image)
            volumes.ensure_export_absent(image)
            volumes.ensure_export_absent(image)
        assert volumes.inventory(pool) == before

    @pytest.mark.requirement("IM-3")
    def test_an_image_that_is_gone_is_not_exported(self, volumes: Volumes, pool: PoolSpec) -> None:
        image = an_image(pool)
        with refused("volumes.image_missing"):
            volumes.ensure_exported(image)
        volumes.ensure_export_absent(image)

    def test_volumes_and_images_are_observed(self, volumes: Volumes, pool: PoolSpec, source: str) -> None:
        image = an_image(pool)
        thin, blank = a_volume(pool, image), a_volume(pool)
        volumes.ensure_image(image, source)
        for _ in range(2):
            volumes.ensure_volume(thin)
            volumes.ensure_volume(blank)

        seen = volumes.observe(pool)

        assert set(seen.of(PoolKind.VOLUME)) == {thin.id, blank.id}
        assert seen.of(PoolKind.IMAGE) == (image.id,)
        assert 0 < seen.used_bytes < seen.capacity_bytes

    def test_the_inventory_tells_the_sizes(self, volumes: Volumes, pool: PoolSpec, source: str) -> None:
        image, blank = an_image(pool), replace(a_volume(pool), size_gib=3)
        info = volumes.ensure_image(image, source)
        volumes.ensure_volume(blank)

        seen = volumes.inventory(pool)

        assert seen.of(PoolKind.VOLUME) == {blank.id: 3 << 30}
        assert seen.of(PoolKind.IMAGE) == {image.id: info.virtual_bytes}
        assert seen.unfinished == ()
        volumes.discard_unfinished(pool, PoolKind.VOLUME, blank.id, 0)
        assert volumes.inventory(pool) == seen

    def test_a_thin_volume_needs_its_image(self, volumes: Volumes, pool: PoolSpec) -> None:
        with refused("volumes.image_missing"):
            volumes.ensure_volume(a_volume(pool, an_image(pool)))
        assert volumes.observe(pool).of(PoolKind.VOLUME) == ()

    def test_a_volume_grows_and_never_shrinks(self, volumes: Volumes, pool: PoolSpec) -> None:
        volume = a_volume(pool, size_gib=2)
        volumes.ensure_volume(volume)
        volumes.ensure_volume(replace(volume, size_gib=3))
        volumes.ensure_volume(replace(volume, size_gib=1))
        assert self.size_gib(volumes, replace(volume, size_gib=1)) == 3

    def test_an_image_with_volumes_made_from_it_stays(
        self, volumes: Volumes, pool: PoolSpec, source: str
    ) -> None:
        image = an_image(pool)
        volume = a_volume(pool, image)
        volumes.ensure_image(image, source)
        volumes.ensure_volume(volume)
        with refused("volumes.image_in_use"):
            volumes.ensure_image_absent(image)
        volumes.ensure_volume_absent(volume)
        for _ in range(2):
            volumes.ensure_image_absent(image)
        assert volumes.observe(pool).of(PoolKind.IMAGE) == ()

    def test_removing_a_volume_twice_is_fine(self, volumes: Volumes, pool: PoolSpec) -> None:
        volume = a_volume(pool)
        volumes.ensure_volume(volume)
        for _ in range(2):
            volumes.ensure_volume_absent(volume)
        assert volumes.observe(pool).of(PoolKind.VOLUME) == ()

    def size_gib(self, volumes: Volumes, volume: object) -> int:
        """Return how large the volume really is."""
        raise NotImplementedError


def a_snapshot(volume: VolumeSpec) -> SnapshotSpec:
    return SnapshotSpec(new_id(), volume)


def a_copy(snapshot: SnapshotSpec, size_gib: int = 1) -> VolumeSpec:
    """A volume with the data of a snapshot, as a disk without an image of its own."""
    source = VolumeSource(snapshot.volume.id, snapshot.id)
    return replace(a_volume(snapshot.volume.pool, size_gib=size_gib), source=source)


@pytest.mark.requirement("EV-3")
class SnapshotsContract:
    """What every `Volumes` does with snapshots and with volumes made of them."""

    def write(self, volume: VolumeSpec, byte: int) -> None:
        """Fill 64 KiB in the second MiB of the disk with a byte, as a VM would have done."""
        raise NotImplementedError

    def byte_in(self, volume: VolumeSpec) -> int:
        """Return the byte that they are filled with, 0 for what nobody has written to."""
        raise NotImplementedError

    def starts(self, volume: VolumeSpec) -> bool:
        """Return whether the disk starts with the boot record of the image in `source`."""
        raise NotImplementedError

    def size_gib(self, volumes: Volumes, volume: object) -> int:
        """Return how large the volume really is."""
        raise NotImplementedError

    def written(self, volumes: Volumes, volume: VolumeSpec, byte: int) -> SnapshotSpec:
        """Make the volume and a snapshot of it that holds the byte."""
        volumes.ensure_volume(volume)
        self.write(volume, byte)
        snapshot = a_snapshot(volume)
        volumes.ensure_snapshot(snapshot)
        return snapshot

    def test_a_roll_back_brings_back_what_the_snapshot_holds(self, volumes: Volumes, pool: PoolSpec) -> None:
        volume = a_volume(pool)
        first = self.written(volumes, volume, 1)
        self.write(volume, 2)
        second = a_snapshot(volume)
        volumes.ensure_snapshot(second)
        self.write(volume, 3)
        for snapshot, byte in ((second, 2), (first, 1), (second, 2)):
            for _ in range(2):
                volumes.ensure_rolled_back(snapshot)
            assert self.byte_in(volume) == byte

    def test_a_snapshot_is_taken_once(self, volumes: Volumes, pool: PoolSpec) -> None:
        volume = a_volume(pool)
        snapshot = self.written(volumes, volume, 1)
        self.write(volume, 2)
        volumes.ensure_snapshot(snapshot)
        volumes.ensure_rolled_back(snapshot)
        assert self.byte_in(volume) == 1

    def test_snapshots_are_in_the_inventory_until_they_or_their_volume_are_removed(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        volume = a_volume(pool)
        first = self.written(volumes, volume, 1)
        volumes.ensure_volume(grown := replace(volume, size_gib=2))
        second = a_snapshot(grown)
        volumes.ensure_snapshot(second)
        assert volumes.inventory(pool).of(PoolKind.SNAPSHOT) == {first.id: 1 << 30, second.id: 2 << 30}
        assert volumes.inventory(pool).snapshot_of == {first.id: volume.id, second.id: volume.id}
        for _ in range(2):
            volumes.ensure_snapshot_absent(first)
        assert volumes.inventory(pool).of(PoolKind.SNAPSHOT) == {second.id: 2 << 30}
        for _ in range(2):
            volumes.ensure_volume_absent(volume)
            volumes.ensure_snapshot_absent(second)
        assert volumes.inventory(pool).of(PoolKind.SNAPSHOT) == {}

    def test_a_copy_has_the_snapshots_data_and_outlives_what_it_was_made_of(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        volume = a_volume(pool)
        snapshot = self.written(volumes, volume, 1)
        self.write(volume, 2)
        copy = a_copy(snapshot)
        for _ in range(2):
            volumes.ensure_volume(copy)
        while not volumes.ensure_independent(copy).done:
            pass
        assert (self.byte_in(copy), self.byte_in(volume)) == (1, 2)
        volumes.ensure_snapshot_absent(snapshot)
        volumes.ensure_volume_absent(volume)
        volumes.ensure_volume(copy)
        assert volumes.ensure_independent(copy).done
        assert volumes.observe(pool).of(PoolKind.VOLUME) == (copy.id,)
        assert self.byte_in(copy) == 1
        self.write(copy, 4)
        assert self.byte_in(copy) == 4

    def test_a_copy_is_as_large_as_asked_and_never_smaller_than_the_snapshot(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        volume = a_volume(pool, size_gib=2)
        snapshot = self.written(volumes, volume, 1)
        volumes.ensure_volume(replace(volume, size_gib=4))
        for asked, got in ((1, 2), (2, 2), (3, 3), (5, 5)):
            copy = a_copy(snapshot, asked)
            volumes.ensure_volume(copy)
            assert self.size_gib(volumes, copy) == got
            assert self.byte_in(copy) == 1

    def test_a_roll_back_keeps_the_size_that_the_volume_has_got_since(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        volume = a_volume(pool)
        snapshot = self.written(volumes, volume, 1)
        volumes.ensure_volume(grown := replace(volume, size_gib=3))
        self.write(grown, 2)
        volumes.ensure_rolled_back(replace(snapshot, volume=grown))
        assert self.size_gib(volumes, grown) == 3
        assert self.byte_in(grown) == 1

    def test_a_snapshot_that_is_not_there_cannot_be_used(self, volumes: Volumes, pool: PoolSpec) -> None:
        volume = a_volume(pool)
        with refused("volumes.volume_missing"):
            volumes.ensure_snapshot(a_snapshot(volume))
        volumes.ensure_volume(volume)
        with refused("volumes.snapshot_missing"):
            volumes.ensure_rolled_back(a_snapshot(volume))
        with refused("volumes.snapshot_missing"):
            volumes.ensure_volume(a_copy(a_snapshot(volume)))
        assert volumes.observe(pool).of(PoolKind.VOLUME) == (volume.id,)

    def test_a_copy_of_a_thin_volume_has_what_is_in_its_image(
        self, volumes: Volumes, pool: PoolSpec, source: str
    ) -> None:
        image = an_image(pool)
        volumes.ensure_image(image, source)
        volume = a_volume(pool, image)
        snapshot = a_snapshot(volume)
        volumes.ensure_volume(volume)
        volumes.ensure_snapshot(snapshot)
        self.write(volume, 1)
        whole, thin = a_copy(snapshot), replace(a_copy(snapshot), image_id=image.id)
        for copy in (whole, thin):
            volumes.ensure_volume(copy)
            assert (self.byte_in(copy), self.starts(copy)) == (0, True)
        volumes.ensure_volume_absent(volume)
        with refused("volumes.image_in_use"):
            volumes.ensure_image_absent(image)
        volumes.ensure_volume_absent(thin)
        volumes.ensure_image_absent(image)
        assert self.starts(whole)

    @pytest.mark.requirement("IM-4")
    def test_an_image_is_copied_to_another_pool_once(
        self, volumes: Volumes, pool: PoolSpec, other_pool: PoolSpec, source: str
    ) -> None:
        image = an_image(pool)
        info = volumes.ensure_image(image, source)
        copy = replace(image, pool=other_pool)
        for _ in range(2):
            copied = volumes.ensure_image_copy(copy, image)
            assert (copied.virtual_bytes, copied.source_format) == (info.virtual_bytes, info.source_format)
        volumes.ensure_image_absent(image)
        volume = a_volume(other_pool, copy)
        volumes.ensure_volume(volume)
        assert volumes.observe(other_pool).of(PoolKind.IMAGE) == (image.id,)
        with refused("volumes.image_missing"):
            volumes.ensure_image_copy(an_image(other_pool), an_image(pool))

    @pytest.mark.requirement("VM-8")
    def test_an_image_of_a_snapshot_holds_all_of_it_and_needs_nothing_else(
        self, volumes: Volumes, pool: PoolSpec, source: str
    ) -> None:
        base = an_image(pool)
        volumes.ensure_image(base, source)
        volume = a_volume(pool, base, size_gib=2)
        volumes.ensure_volume(volume)
        self.write(volume, 1)
        snapshot = a_snapshot(volume)
        volumes.ensure_snapshot(snapshot)
        volumes.ensure_volume(grown := replace(volume, size_gib=3))
        self.write(grown, 2)
        image = an_image(pool)
        for _ in range(2):
            made = volumes.ensure_image_from_snapshot(image, replace(snapshot, volume=grown))
            assert (made.virtual_bytes, made.source_format) == (2 << 30, "qcow2")
        volumes.ensure_snapshot_absent(snapshot)
        volumes.ensure_volume_absent(grown)
        volumes.ensure_image_absent(base)
        for number in (1, 2):
            thin = a_volume(pool, image, size_gib=2)
            volumes.ensure_volume(thin)
            assert self.byte_in(thin) == 1, number
            self.write(thin, 7)
        assert volumes.observe(pool).of(PoolKind.IMAGE) == (image.id,)

    def test_an_image_of_a_snapshot_that_is_not_there_is_refused_and_leaves_nothing(
        self, volumes: Volumes, pool: PoolSpec
    ) -> None:
        volume = a_volume(pool)
        volumes.ensure_volume(volume)
        with refused("volumes.snapshot_missing"):
            volumes.ensure_image_from_snapshot(an_image(pool), a_snapshot(volume))
        assert volumes.observe(pool).of(PoolKind.IMAGE) == ()
        assert volumes.inventory(pool).unfinished == ()
