"""Spreading VMs over hosts, and never promising the same room twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.infrastructure.capacity_forecast import capacity_forecast, hosts_without_room
from apps.infrastructure.models import ComputeCluster, Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import place, release
from apps.lifecycle.bulk_insert import insert
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.models import State
from tests import factories

SMALL = Need(vcpu=1, memory_mib=1024)


def add_hosts(cluster: ComputeCluster, count: int) -> None:
    """Add many hosts like the first one, faster than one by one."""
    first = factories.make_host(cluster)
    others = [Host(**{**_columns(first), "id": uuid4(), "name": f"h{n}"}) for n in range(count - 1)]
    insert(others)


def _columns(host: Host) -> dict[str, Any]:
    return {
        field.attname: getattr(host, field.attname)
        for field in Host._meta.concrete_fields
        if field.attname != "resource_id"
    }


@pytest.mark.django_db
@pytest.mark.requirement("CL-5")
def test_vms_are_spread_over_all_healthy_hosts() -> None:
    cluster = factories.make_cluster(factories.make_region())
    hosts = [factories.make_host(cluster) for _ in range(4)]
    counts = Counter(place(cluster, SMALL)[0] for _ in range(40))
    assert set(counts) == {host.pk for host in hosts}
    assert max(counts.values()) - min(counts.values()) <= 6


@pytest.mark.django_db
@pytest.mark.requirement("CL-5")
def test_a_batch_is_spread_too() -> None:
    cluster = factories.make_cluster(factories.make_region())
    for _ in range(5):
        factories.make_host(cluster, vcpus=1, memory_gib=4)
    assert len(set(place(cluster, Need(4, 4096), count=5))) == 5


@pytest.mark.django_db
@pytest.mark.requirement("CL-5")
def test_a_refusal_says_for_each_host_why() -> None:
    cluster = factories.make_cluster(factories.make_region())
    factories.make_host(cluster, "full", memory_gib=4, memory_reserved_mib=2048)
    factories.make_host(cluster, "busy", vcpus=1)
    factories.make_host(cluster, "closed", accepts_vms=False)
    factories.make_host(cluster, "silent", last_report_at=timezone.now() - timedelta(minutes=1))
    factories.make_host(cluster, "alien", state=State.ERROR, error={"message": "Its CPUs are aarch64."})
    factories.make_host(cluster, "new", state=State.PENDING)
    with pytest.raises(NoCapacity) as refused:
        place(cluster, Need(vcpu=8, memory_mib=4096))
    reasons = refused.value.details["reasons"]
    assert isinstance(reasons, list)
    assert [(reason["code"], reason["hosts"], reason["text"]) for reason in reasons] == [
        ("memory", 1, "1 host has too little memory: 2 of 4 GiB free"),
        ("vcpu", 1, "1 host has too few vCPUs: 4 of 4 free"),
        ("closed", 1, "1 host has scheduling disabled"),
        ("out_of_reach", 1, "1 host is unreachable"),
        ("not_ready", 2, "2 hosts are not ready"),
    ]
    told = f"{refused.value.message} {refused.value.details}"
    assert not any(name in told for name in ("full", "busy", "silent", "alien")), (
        "hosts are no tenant's business"
    )


@pytest.mark.django_db
@pytest.mark.requirement("OP-6")
def test_the_outlook_names_every_host_with_its_own_reason() -> None:
    cluster = factories.make_cluster(factories.make_region())
    factories.make_host(cluster, "free")
    factories.make_host(cluster, "full", memory_gib=4, memory_reserved_mib=2048)
    factories.make_host(cluster, "fuller", memory_gib=4, memory_reserved_mib=3072)
    factories.make_host(cluster, "silent", last_report_at=timezone.now() - timedelta(minutes=1))
    factories.make_host(cluster, "alien", state=State.ERROR, error={"message": "Its CPUs are aarch64."})
    seen = capacity_forecast(cluster, Need(vcpu=8, memory_mib=4096))
    assert (seen.total, seen.fitting, seen.room) == (5, 1, 8)
    assert [reason.text for reason in seen.reasons] == [
        "2 hosts have too little memory: at most 2 of 4 GiB free",
        "1 host is unreachable",
        "1 host is not ready",
    ]
    own = {
        name: text
        for hosts in hosts_without_room(cluster, Need(vcpu=8, memory_mib=4096)).values()
        for name, text in hosts.items()
    }
    assert own["full"] == "needs 4 GiB of memory, 2 of 4 GiB free"
    assert own["silent"].startswith("unreachable since ")
    assert own["alien"] == "Its CPUs are aarch64."


@pytest.mark.django_db
@pytest.mark.requirement("OP-6")
def test_the_outlook_of_a_thousand_hosts_is_one_query(django_assert_num_queries: Any) -> None:
    cluster = factories.make_cluster(factories.make_region())
    add_hosts(cluster, 1000)
    with django_assert_num_queries(1):
        assert capacity_forecast(cluster, SMALL).fitting == 1000


@pytest.mark.django_db
def test_what_was_promised_can_be_taken_back() -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster, vcpus=1, memory_gib=1)
    assert place(cluster, SMALL) == [host.pk]
    with pytest.raises(NoCapacity):
        place(cluster, SMALL)
    release(host.pk, SMALL)
    assert place(cluster, SMALL) == [host.pk]


@pytest.mark.django_db
def test_a_batch_that_does_not_fit_promises_nothing() -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster, vcpus=1, memory_gib=2)
    with pytest.raises(NoCapacity, match="at once"):
        place(cluster, SMALL, count=3)
    host.refresh_from_db()
    assert host.memory_reserved_mib == 0


@pytest.mark.django_db
def test_placing_costs_two_statements_even_with_a_thousand_hosts() -> None:
    cluster = factories.make_cluster(factories.make_region())
    add_hosts(cluster, 1000)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        place(cluster, SMALL)
    assert len(queries) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("CL-5")
def test_parallel_placements_never_overbook() -> None:
    cluster = factories.make_cluster(factories.make_region())
    in_an_hour = timezone.now() + timedelta(hours=1)  # on a slow machine they would fall silent meanwhile
    for _ in range(3):
        factories.make_host(cluster, vcpus=2, memory_gib=6, last_report_at=in_an_hour)

    def try_one(number: int) -> int:
        try:
            with transaction.atomic():
                return len(place(cluster, SMALL, count=2 if number % 5 == 0 else 1))
        except NoCapacity:
            return 0
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        placed = sum(pool.map(try_one, range(40)))
    assert placed == 18
    for host in Host.objects.all():
        assert host.memory_reserved_mib == 6 * 1024
        assert host.vcpu_reserved == 6
