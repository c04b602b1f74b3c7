"""What the driver of Ceph pools says and does when a cluster refuses, is full, or does not answer."""

import errno
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import rbd
from onebox.ceph_site import CephSite
from onebox.shell import patience, wait_until

from apps.drivers.rbd import health
from apps.drivers.rbd.cluster import TIMEOUT_SECONDS, CephCluster
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import PoolKind, Severity, SnapshotSpec, VolumeSource, VolumeSpec
from tests.drivers.ceph_pools import CephPool, make_pool
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_volume, new_id
from tests.rounds import rounds

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture
def pool(ceph: CephSite) -> Iterator[CephPool]:
    made = make_pool(ceph, "failures")
    yield made
    made.empty()
    made.cluster.close()


def _checks(pool: CephPool) -> set[str]:
    seen = health.look(pool.cluster).health
    return {check.code for check in seen.checks} if seen else set()


def _is_independent(volumes: RbdVolumes, volume: VolumeSpec) -> bool:
    return volumes.ensure_independent(volume).done


@pytest.mark.requirement("OP-4")
def test_what_keeps_a_pool_from_being_used_is_told_apart(ceph: CephSite, pool: CephPool) -> None:
    other = make_pool(ceph, "contract")
    wrong = {
        "volumes.ceph_refused": CephCluster(pool.spec, other.key),
        "volumes.pool_missing": CephCluster(replace(pool.spec, path="nowhere"), pool.key),
        "volumes.pool_forbidden": CephCluster(replace(pool.spec, path="contract"), pool.key),
        "volumes.not_connected": CephCluster(pool.spec, ""),
        "volumes.ceph_unreachable": CephCluster(
            replace(pool.spec, monitors=(f"{ceph.address}:9",)), pool.key
        ),
    }
    for code, cluster in wrong.items():
        with refused(code):
            RbdVolumes(cluster).inventory(cluster.pool)


@pytest.mark.requirement("CL-10")
def test_a_pool_tells_its_capacity_and_health(ceph: CephSite, pool: CephPool) -> None:
    seen = health.look(pool.cluster)
    assert seen.health is not None
    assert 0 < seen.capacity_bytes < seen.health.raw_capacity_bytes
    assert (seen.health.replicas, seen.health.replicas_needed) == (3, 2)
    assert (seen.health.osds, seen.health.osds_up, seen.health.failure_domain) == (3, 3, "osd")
    ceph.ceph("osd", "set", "noout")
    try:
        seen = health.look(pool.cluster)
    finally:
        ceph.ceph("osd", "unset", "noout")
    assert seen.health is not None
    (check,) = seen.health.checks
    assert (check.code, check.severity, check.text) == (
        "OSDMAP_FLAGS",
        Severity.WARNING,
        "noout flag(s) set",
    )


@pytest.mark.requirement("OP-4")
def test_a_full_pool_says_so_instead_of_letting_the_worker_wait(ceph: CephSite, pool: CephPool) -> None:
    volumes, volume = RbdVolumes(pool.cluster), a_volume(pool.spec)
    volumes.ensure_volume(volume)
    pool.write(volume, 1)
    ceph.ceph("osd", "pool", "set-quota", "failures", "max_bytes", "1000")
    try:
        wait_until(lambda: "POOL_FULL" in _checks(pool), "the full pool to be seen", seconds=60)
        with refused("volumes.pool_full"):
            volumes.ensure_volume(replace(volume, size_gib=2))
    finally:
        ceph.ceph("osd", "pool", "set-quota", "failures", "max_bytes", "0")
    volumes.ensure_volume(replace(volume, size_gib=2))


@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize(
    ("said", "number", "otherwise"),
    [
        (rbd.Timeout, errno.ETIMEDOUT, "volumes.ceph_unreachable"),
        (rbd.ReadOnlyImage, errno.EROFS, "volumes.volume_in_use"),
    ],
)
def test_a_full_pool_is_named_whatever_librbd_makes_of_a_write_that_waits(
    pool: CephPool, monkeypatch: pytest.MonkeyPatch, said: Any, number: int, otherwise: str
) -> None:
    for is_full, code in ((True, "volumes.pool_full"), (False, otherwise)):
        monkeypatch.setattr(pool.cluster, "_is_full", partial(bool, is_full))
        with refused(code), pool.cluster.use():
            raise said("the write waited", errno=number)


@pytest.mark.requirement("EV-5")
def test_a_volume_that_is_open_is_neither_removed_nor_rolled_back(pool: CephPool) -> None:
    volumes, volume = RbdVolumes(pool.cluster), a_volume(pool.spec)
    volumes.ensure_volume(volume)
    snapshot = SnapshotSpec(new_id(), volume)
    volumes.ensure_snapshot(snapshot)
    with pool.opened(volume) as image:
        image.write(b"x", 0)
        with refused("volumes.volume_in_use"):
            volumes.ensure_volume_absent(volume)
        with refused("volumes.volume_in_use"):
            volumes.ensure_rolled_back(snapshot)
        volumes.ensure_snapshot(SnapshotSpec(new_id(), volume))
        volumes.ensure_volume(replace(volume, size_gib=2))
    assert len(volumes.inventory(pool.spec).of(PoolKind.SNAPSHOT)) == 2
    volumes.ensure_rolled_back(snapshot)
    volumes.ensure_volume_absent(volume)


@pytest.mark.requirement("EV-5")
def test_many_rounds_of_snapshot_copy_and_deletion_leave_nothing(pool: CephPool) -> None:
    volumes, volume = RbdVolumes(pool.cluster), a_volume(pool.spec)
    volumes.ensure_volume(volume)
    for _ in rounds(10):
        snapshot = SnapshotSpec(new_id(), volume)
        volumes.ensure_snapshot(snapshot)
        copy = replace(a_volume(pool.spec), source=VolumeSource(volume.id, snapshot.id))
        volumes.ensure_volume(copy)
        volumes.ensure_snapshot_absent(snapshot)
        wait_until(partial(_is_independent, volumes, copy), "the copy", seconds=30)
        volumes.ensure_volume_absent(volume)
        volumes.purge()
        volume = copy
    assert volumes.inventory(pool.spec).of(PoolKind.VOLUME) == {volume.id: 1 << 30}
    assert pool.trash() == []


@pytest.mark.requirement("OP-2")
@pytest.mark.parametrize("lost", ["header", "name"])
def test_what_a_killed_worker_left_of_a_volume_is_made_whole_or_removed(pool: CephPool, lost: str) -> None:
    volumes, volume = RbdVolumes(pool.cluster), a_volume(pool.spec)
    for repair in (volumes.ensure_volume, volumes.ensure_volume_absent):
        volumes.ensure_volume(volume)
        pool.damage(volume, lost)
        assert volumes.inventory(pool.spec).of(PoolKind.VOLUME) == {volume.id: 0}
        with refused("volumes.incomplete"):
            volumes.ensure_snapshot(SnapshotSpec(new_id(), volume))
        repair(volume)
    assert volumes.observe(pool.spec).of(PoolKind.VOLUME) == ()


@pytest.mark.requirement("OP-2")
def test_nothing_is_changed_once_the_guard_refuses(pool: CephPool) -> None:
    class Lost(Exception):
        pass

    def guard() -> None:
        raise Lost

    volume = a_volume(pool.spec)
    RbdVolumes(pool.cluster).ensure_volume(volume)
    snapshot = SnapshotSpec(new_id(), volume)
    RbdVolumes(pool.cluster).ensure_snapshot(snapshot)
    before = RbdVolumes(pool.cluster).inventory(pool.spec)
    late = RbdVolumes(pool.cluster, guard)
    for change in (
        lambda: late.ensure_volume(a_volume(pool.spec)),
        lambda: late.ensure_volume(replace(volume, size_gib=2)),
        lambda: late.ensure_volume_absent(volume),
        lambda: late.ensure_snapshot(SnapshotSpec(new_id(), volume)),
        lambda: late.ensure_snapshot_absent(snapshot),
        lambda: late.ensure_rolled_back(snapshot),
    ):
        with pytest.raises(Lost):
            change()
    assert RbdVolumes(pool.cluster).inventory(pool.spec) == before


@pytest.mark.requirement("OP-4")
def test_while_a_monitor_hangs_only_what_needs_it_waits_and_not_for_long(
    ceph: CephSite, pool: CephPool
) -> None:
    volumes, volume = RbdVolumes(pool.cluster), a_volume(pool.spec)
    volumes.ensure_volume(volume)
    with ceph.hanging("mon.a"):
        volumes.ensure_volume(replace(volume, size_gib=2))
        another = a_volume(pool.spec)
        volumes.ensure_volume(another)
        assert set(volumes.inventory(pool.spec).of(PoolKind.VOLUME)) == {volume.id, another.id}
        began = time.monotonic()
        with refused("volumes.ceph_unreachable"):
            volumes.observe(pool.spec)
        with refused("volumes.ceph_unreachable"):
            health.look(CephCluster(pool.spec, pool.key))
        assert time.monotonic() - began < patience(3 * TIMEOUT_SECONDS)
    assert volumes.observe(pool.spec).health is not None
