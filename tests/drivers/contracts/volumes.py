"""What every `Volumes` does. Subclasses give `volumes`, a `pool`, and `source` (path of a clean image of 64 MiB)."""

from dataclasses import replace
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.specs import PoolKind, PoolSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_volume, an_image


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
