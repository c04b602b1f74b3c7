"""Disks: limits that grow with size, and storage clusters as they are seen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.drivers.memory import MemoryVolumes, World
from apps.drivers.specs import PoolObservation, VolumeSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host, StorageCluster
from apps.storage.limits import disk_limits
from apps.storage.observation import observe_clusters
from tests import factories

GIB = 1 << 30


@pytest.mark.requirement("VM-2")
@pytest.mark.parametrize("media", list(StorageCluster.Media))
def test_a_larger_disk_may_do_more_up_to_a_ceiling(media: str) -> None:
    cluster = StorageCluster(media=media)
    small, large, huge = (disk_limits(cluster, size) for size in (10, 100, 32_000))
    assert 0 < small[0] < large[0] <= huge[0] == disk_limits(cluster, 64_000)[0]
    assert 0 < small[1] < large[1] <= huge[1] == disk_limits(cluster, 64_000)[1]


@pytest.mark.django_db
def test_capacity_and_use_of_a_storage_cluster_are_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    region = factories.make_region()
    pool = factories.make_storage(region, observed_at=None, capacity_bytes=0)
    factories.make_host(factories.make_cluster(region))
    MemoryVolumes(world).ensure_volume(
        VolumeSpec("0d3c2a8e-5c52-4b0a-8a0a-6f0f4b1b7a11", pool.spec(), size_gib=7)
    )
    observe_clusters()
    pool.refresh_from_db()
    assert pool.used_bytes == 7 * GIB
    assert pool.capacity_bytes > pool.used_bytes
    assert pool.observed_at is not None


@pytest.mark.django_db
def test_a_cluster_nobody_reaches_keeps_what_was_last_seen() -> None:
    region = factories.make_region()
    pool = factories.make_storage(region, used_bytes=5)
    factories.make_host(factories.make_cluster(region))
    Host.objects.update(last_report_at=timezone.now() - timedelta(hours=1))
    observe_clusters()
    pool.refresh_from_db()
    assert pool.used_bytes == 5


@pytest.mark.django_db
@pytest.mark.requirement("SE-6")
def test_a_pool_with_more_in_use_than_it_has_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "_process_world", World())
    region = factories.make_region()
    factories.make_host(factories.make_cluster(region))
    cluster = factories.make_storage(region, capacity_bytes=7, used_bytes=3)
    lie = PoolObservation(capacity_bytes=10, used_bytes=11)
    monkeypatch.setattr(MemoryVolumes, "observe", lambda *_: lie)
    observe_clusters()
    cluster.refresh_from_db()
    assert (cluster.capacity_bytes, cluster.used_bytes) == (7, 3)
    assert cluster.check_error["code"] == "volumes.implausible"
