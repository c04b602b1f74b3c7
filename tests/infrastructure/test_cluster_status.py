"""The status of clusters, in the API, in lists and as a filter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.infrastructure.cluster_status import (
    ClusterStatus,
    PoolStatus,
    cluster_conditions,
    pool_conditions,
    status_of_cluster,
    status_of_pool,
    with_hosts,
)
from apps.infrastructure.models import ComputeCluster, Region, StorageCluster
from apps.lifecycle.models import State
from apps.metrics.postgres import PostgresStore
from apps.metrics.store import Sample, Subject
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]
LONG_AGO = timedelta(hours=1)


@pytest.fixture
def region() -> Region:
    return factories.make_region()


@pytest.fixture
def admin(ada: User) -> Client:
    return factories.page_client(ada)


@pytest.fixture
def clusters(region: Region) -> dict[ClusterStatus, ComputeCluster]:
    """A compute cluster in each status."""
    made = {status: factories.make_cluster(region, name=status.value) for status in ClusterStatus}
    lost = timezone.now() - LONG_AGO
    for status in (ClusterStatus.AVAILABLE, ClusterStatus.DEGRADED):
        factories.make_host(made[status])
        factories.make_host(made[status], accepts_vms=False)
    factories.make_host(made[ClusterStatus.DEGRADED], last_report_at=lost)
    factories.make_host(made[ClusterStatus.SCHEDULING_DISABLED], accepts_vms=False)
    factories.make_host(made[ClusterStatus.SCHEDULING_DISABLED], last_report_at=lost)
    factories.make_host(made[ClusterStatus.UNREACHABLE], last_report_at=lost)
    factories.make_host(made[ClusterStatus.EMPTY], state=State.PENDING, last_report_at=None)
    return made


@pytest.fixture
def pools(region: Region) -> dict[PoolStatus, StorageCluster]:
    """A storage cluster in each status."""
    made = {status: factories.make_storage(region, name=status.value) for status in PoolStatus}
    for status, at in (
        (PoolStatus.AVAILABLE, timezone.now()),
        (PoolStatus.UNREACHABLE, timezone.now() - LONG_AGO),
        (PoolStatus.UNCHECKED, None),
    ):
        StorageCluster.objects.filter(pk=made[status].pk).update(observed_at=at)
        made[status].refresh_from_db()
    return made


def test_each_compute_cluster_has_one_status_in_rows_and_in_sql(
    clusters: dict[ClusterStatus, ComputeCluster],
) -> None:
    for status, cluster in clusters.items():
        assert status_of_cluster(cluster) == status
        rows = with_hosts(ComputeCluster.objects.filter(pk=cluster.pk))
        assert [code for code, condition in cluster_conditions().items() if rows.filter(condition)] == [
            status
        ]


def test_each_storage_cluster_has_one_status_in_rows_and_in_sql(
    pools: dict[PoolStatus, StorageCluster],
) -> None:
    for status, pool in pools.items():
        assert status_of_pool(pool) == status
        rows = StorageCluster.objects.filter(pk=pool.pk)
        assert [code for code, condition in pool_conditions().items() if rows.filter(condition)] == [status]


@pytest.mark.parametrize(
    ("plural", "statuses"), [("compute-clusters", ClusterStatus), ("storage-clusters", PoolStatus)]
)
def test_clusters_are_narrowed_by_status_in_the_api_and_in_the_list(
    clusters: object, pools: object, admin: Client, plural: str, statuses: type[ClusterStatus]
) -> None:
    api = factories.api_client(factories.make_admin("watch"))
    for status in statuses:
        found = api.get(f"/api/v1/{plural}?status={status}").json()["results"]
        assert [(each["name"], each["status"]) for each in found] == [(status.value, status.value)]
        page = admin.get(f"/admin/{plural}/?status={status}")
        assert [row.name for row in page.context["page"].matching()] == [status.value]
        assert str(status.label) in page.content.decode()
    others = api.get(f"/api/v1/{plural}?status=available&not=status").json()["results"]
    assert {each["status"] for each in others} == {status.value for status in statuses} - {"available"}
    assert api.get(f"/api/v1/{plural}?status=nonsense").status_code == 400


def test_reading_the_list_of_clusters_costs_the_same_however_many_there_are(
    region: Region,
) -> None:
    api = factories.api_client(factories.make_admin("watch"))
    factories.make_host(factories.make_cluster(region))
    api.get("/api/v1/compute-clusters")  # what is kept between requests is read now
    with CaptureQueriesContext(connection) as one:
        api.get("/api/v1/compute-clusters")
    for number in range(3):
        factories.make_host(factories.make_cluster(region, name=f"more-{number}"))
    with CaptureQueriesContext(connection) as four:
        api.get("/api/v1/compute-clusters")
    assert len(four) == len(one)


@pytest.mark.requirement("MO-1")
def test_a_cluster_is_charted_as_the_sum_of_its_hosts(region: Region, admin: Client) -> None:
    cluster = factories.make_cluster(region)
    now = timezone.now() - timedelta(minutes=2)  # the newest minute is not all there yet
    samples = [
        Sample(
            Subject("host", str(factories.make_host(cluster).pk)),
            now,
            {"cpu_percent": cpu, "memory_bytes": 100.0, "net_rx_bytes_per_second": 5.0},
        )
        for cpu in (20.0, 40.0)
    ]
    other = factories.make_host(factories.make_cluster(region, name="other"))
    samples.append(Sample(Subject("host", str(other.pk)), now, {"cpu_percent": 99.0, "memory_bytes": 9.0}))
    PostgresStore().record(samples)
    path = f"/api/v1/compute-clusters/{cluster.pk}/metrics"
    answer = factories.api_client(factories.make_admin("watch")).get(path).json()
    last = {each["name"]: [v for v in each["values"] if v is not None] for each in answer["metrics"]}
    assert (last["cpu_percent"], last["memory_bytes"], last["net_rx_bytes_per_second"]) == (
        [30.0],
        [200.0],
        [10.0],
    )
    assert "load" not in last
    assert answer["last_sample_at"]
    page = admin.get(f"/admin/compute-clusters/{cluster.pk}/monitoring/").content.decode()
    assert f'data-api="{path}"' in page
    for title in ("CPU", "Memory", "Disk throughput", "Disk operations", "Network"):
        assert f">{title}</h2>" in page


@pytest.mark.requirement("MO-1")
def test_what_a_cluster_does_is_no_tenants_business(region: Region, alice: User) -> None:
    cluster = factories.make_cluster(region)
    api = factories.api_client(alice)
    assert api.get(f"/api/v1/compute-clusters/{cluster.pk}/metrics").status_code == 404


@pytest.mark.requirement("MO-1")
def test_a_cluster_without_hosts_says_why_nothing_is_charted(region: Region, admin: Client) -> None:
    cluster = factories.make_cluster(region)
    assert (
        "The cluster has no hosts."
        in admin.get(f"/admin/compute-clusters/{cluster.pk}/monitoring/").content.decode()
    )
    path = f"/api/v1/compute-clusters/{cluster.pk}/metrics?range=30d"
    answer = factories.api_client(factories.make_admin("watch")).get(path).json()
    assert answer["last_sample_at"] is None
    assert len(answer["times"]) <= 150
