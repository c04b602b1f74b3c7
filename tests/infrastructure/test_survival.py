"""Whether a cluster survives the loss of hosts, and the capacity it keeps for that."""

from __future__ import annotations

import pytest

from apps.infrastructure.models import ComputeCluster, Failure, Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import place
from apps.infrastructure.survival import Room, survival, survives
from apps.lifecycle.errors import NoCapacity
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


def room(vcpus: int, used: int) -> Room:
    return Room(vcpus, used, vcpus * 1024, used * 1024)


@pytest.mark.parametrize(
    ("rooms", "lost", "yes"),
    [
        ([room(10, 5), room(10, 5)], 1, True),
        ([room(10, 5), room(10, 6)], 1, False),
        ([room(10, 4)], 1, False),
        ([], 1, False),
        # The largest host is the one that is lost.
        ([room(100, 20), room(10, 0), room(10, 0)], 1, True),
        ([room(100, 21), room(10, 0), room(10, 0)], 1, False),
        ([room(10, 3), room(10, 3), room(10, 4)], 2, True),
        ([room(10, 4), room(10, 3), room(10, 4)], 2, False),
    ],
)
def test_the_others_must_have_room_for_all(rooms: list[Room], lost: int, yes: bool) -> None:
    assert survives(rooms, lost).survives == yes


def test_what_is_missing_is_said() -> None:
    found = survives([room(10, 8), room(10, 5)], 1)
    assert (found.vcpu_missing, found.memory_missing_mib) == (3, 3 * 1024)


def cluster_of(count: int, spare: int) -> ComputeCluster:
    cluster = factories.make_cluster(factories.make_region(), cpu_overcommit=1, spare_hosts=spare)
    for _ in range(count):
        factories.make_host(cluster, vcpus=10, memory_gib=10)
    return cluster


def test_new_vms_leave_free_what_is_kept() -> None:
    cluster = cluster_of(3, spare=1)
    place(cluster, Need(1, 1024), 20)
    assert survival(cluster).survives
    with pytest.raises(NoCapacity, match="failure of hosts"):
        place(cluster, Need(1, 1024))
    assert sum(Host.objects.values_list("vcpu_reserved", flat=True)) == 20, "nothing was promised"


def test_vms_of_a_lost_host_may_take_it() -> None:
    cluster = cluster_of(3, spare=1)
    place(cluster, Need(1, 1024), 20)
    assert place(cluster, Need(1, 1024), reserved=False)


def test_hosts_that_are_off_do_not_count() -> None:
    cluster = cluster_of(3, spare=0)
    place(cluster, Need(1, 1024), 18)
    assert survival(cluster).survives
    Host.objects.filter(pk=cluster.hosts.first().pk).update(failure=Failure.OFF)  # type: ignore[union-attr]
    assert not survival(cluster).survives


def test_nothing_is_kept_unless_it_is_set() -> None:
    cluster = cluster_of(2, spare=0)
    assert len(place(cluster, Need(1, 1024), 20)) == 20
