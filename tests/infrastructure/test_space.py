"""Space of storage clusters: reserved with disks, refused with the figures, recounted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from apps.infrastructure.disk_speed import DEFAULT_RULES, speed_rule
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.space import (
    GIB,
    correct_space,
    release_space,
    reserve_space,
    space_left,
    space_limit,
)
from apps.lifecycle.errors import NoCapacity
from apps.storage.models import Disk
from tests import factories


def make_pool(capacity_gib: int = 100, **columns: Any) -> StorageCluster:
    """Make a storage cluster of that capacity."""
    return factories.make_storage(factories.make_region(), capacity_bytes=capacity_gib * GIB, **columns)


def reserved(pool: StorageCluster) -> int:
    """Return what is reserved of it now."""
    return StorageCluster.objects.get(pk=pool.pk).provisioned_gib


@pytest.mark.django_db
@pytest.mark.requirement("CL-2")
def test_disks_may_add_up_to_the_overcommit_and_no_further() -> None:
    pool = make_pool(100, overcommit=150)
    reserve_space(pool.pk, 150)
    with pytest.raises(NoCapacity) as refused:
        reserve_space(pool.pk, 1)
    assert reserved(pool) == 150
    assert refused.value.code == "storage.no_capacity"
    assert refused.value.field == "size_gib"
    assert refused.value.details == {
        "needed_gib": 1,
        "free_gib": 0,
        "provisioned_gib": 150,
        "limit_gib": 150,
        "capacity_gib": 100,
        "overcommit": 150,
    }
    release_space(pool.pk, 10)
    reserve_space(pool.pk, 10)


@pytest.mark.django_db
def test_space_that_is_returned_twice_does_not_go_below_nothing() -> None:
    pool = make_pool(provisioned_gib=5)
    release_space(pool.pk, 10)
    assert reserved(pool) == 0


@pytest.mark.django_db
def test_a_cluster_of_unknown_capacity_refuses_nothing() -> None:
    pool = make_pool(0, observed_at=None)
    reserve_space(pool.pk, 7)
    assert reserved(pool) == 7


@pytest.mark.django_db
def test_a_cluster_of_an_exabyte_can_be_counted() -> None:
    pool = make_pool(1 << 30, overcommit=1000)
    reserve_space(pool.pk, 32_000)
    assert reserved(pool) == 32_000


@pytest.mark.django_db(transaction=True)
def test_parallel_reservations_never_exceed_the_limit() -> None:
    pool = make_pool(100, overcommit=100)

    def try_one(_number: int) -> int:
        try:
            with transaction.atomic():
                reserve_space(pool.pk, 7)
                return 7
        except NoCapacity:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        taken = sum(threads.map(try_one, range(30)))
    assert taken == reserved(pool) == 98


@pytest.mark.django_db
def test_a_wrong_count_is_corrected() -> None:
    pool, right = make_pool(provisioned_gib=3), make_pool(provisioned_gib=0)
    for size in (10, 20):
        Disk.objects.create(kind="disk", name=f"d{size}", cluster=pool, size_gib=size, region=pool.region)
    assert correct_space() == {pool.pk: (3, 30)}
    assert (reserved(pool), reserved(right)) == (30, 0)
    assert correct_space() == {}


@pytest.mark.requirement("EV-6")
def test_a_cluster_rules_its_disks_and_leaves_the_rest_to_its_medium() -> None:
    default = DEFAULT_RULES[StorageCluster.Media.SATA]
    fixed = StorageCluster(media="sata", qos_iops=700, qos_iops_per_gib=0, qos_burst=2, qos_burst_seconds=30)
    rule = speed_rule(fixed)
    assert rule.limits(10)[0] == rule.limits(10_000)[0] == 700
    assert rule.limits(10)[1] == default.limits(10)[1]
    assert (rule.burst, rule.burst_seconds) == (2, 30)


@pytest.mark.django_db
def test_less_than_a_gib_counts_with_its_overcommit() -> None:
    cluster = factories.make_storage(factories.make_region(), capacity_bytes=700 << 20, overcommit=300)
    assert (space_limit(cluster), space_left(cluster)) == (2, 2)
    reserve_space(cluster.pk, 2)
    with pytest.raises(NoCapacity):
        reserve_space(cluster.pk, 1)
