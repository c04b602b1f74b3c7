"""Pages of regions, clusters and hosts: what they show, at a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.infrastructure.heat_map import MEASURES, chosen, heat_map
from apps.infrastructure.load import Load, load_of, loads_by
from apps.infrastructure.models import ComputeCluster, Host
from apps.lifecycle.models import State
from tests import factories

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def cluster() -> ComputeCluster:
    return factories.make_cluster(factories.make_region(), "blue")


def shown(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def cell(html: str, name: str) -> str:
    found = re.search(rf'<li><a class="(heat[^"]*)"[^>]*aria-label="({name} [^"]*)"', html)
    assert found, name
    return f"{found[1]} | {found[2]}"


def some_hosts(cluster: ComputeCluster) -> None:
    factories.make_host(cluster, "idle", load_percent=2, memory_used_mib=1024)
    factories.make_host(
        cluster, "busy", load_percent=96, memory_used_mib=32 * 1024, memory_reserved_mib=48 * 1024
    )
    factories.make_host(cluster, "closed", accepts_vms=False, load_percent=50)
    factories.make_host(cluster, "silent", last_report_at=timezone.now() - LONG_AGO, load_percent=40)
    factories.make_host(cluster, "new", state=State.PENDING, last_report_at=None)
    factories.make_host(cluster, "odd", state=State.ERROR)


def test_load_counts_hosts_by_state_and_adds_up_what_is_in_reach(cluster: ComputeCluster) -> None:
    some_hosts(cluster)
    load = load_of(Host.objects.all())
    assert (load.hosts, load.in_reach, load.closed) == (6, 3, 1)
    assert (load.silent, load.waiting, load.refused) == (1, 1, 1)
    assert load.threads == 48
    assert load.cpu_percent == pytest.approx((2 + 96 + 50) / 3)
    assert load.memory_used_mib == 33 * 1024
    assert load.memory_share == pytest.approx(48 / 192)
    assert loads_by(Host.objects.all(), "cluster_id") == {cluster.pk: load}


def test_a_cluster_without_hosts_has_no_load() -> None:
    assert load_of(Host.objects.all()) == Load()


@pytest.mark.requirement("UX-9")
def test_every_cell_of_the_heat_map_says_its_figure_and_what_is_wrong_with_the_host(
    cluster: ComputeCluster, ada: User
) -> None:
    some_hosts(cluster)
    client = factories.page_client(ada)
    html = shown(client, f"/admin/compute-clusters/{cluster.pk}/")
    assert cell(html, "idle") == "heat heat-0 | idle 2\N{NO-BREAK SPACE}%, CPU load"
    assert cell(html, "busy") == "heat heat-5 | busy 96\N{NO-BREAK SPACE}%, CPU load"
    assert (
        cell(html, "closed")
        == "heat heat-2 heat-odd | closed 50\N{NO-BREAK SPACE}%, CPU load, Scheduling disabled"
    )
    assert (
        cell(html, "silent") == "heat heat-2 heat-odd | silent 40\N{NO-BREAK SPACE}%, CPU load, Unreachable"
    )
    assert "Enrolled" in cell(html, "new")
    assert "Failed" in cell(html, "odd")
    html = shown(client, f"/admin/compute-clusters/{cluster.pk}/?measure=allocated&order=value")
    assert cell(html, "busy") == "heat heat-4 | busy 75\N{NO-BREAK SPACE}%, Memory allocated"
    assert html.index('aria-label="busy') < html.index('aria-label="idle')


def test_the_heat_map_is_one_query_whatever_it_shows(cluster: ComputeCluster) -> None:
    some_hosts(cluster)
    for measure in MEASURES:
        with CaptureQueriesContext(connection) as queries:
            assert len(heat_map(Host.objects.all(), measure).cells) == 6
        assert len(queries) == 1, measure.name
    assert chosen("nonsense") is MEASURES[0]


def test_many_hosts_make_a_dense_map(cluster: ComputeCluster) -> None:
    for number in range(151):
        factories.make_host(cluster, f"h{number:03}")
    assert heat_map(Host.objects.all(), MEASURES[0]).dense


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        "/admin/regions/{region}/",
        "/admin/compute-clusters/{cluster}/",
        "/admin/compute-clusters/{cluster}/hosts/",
        "/admin/compute-clusters/{cluster}/vms/",
        "/admin/compute-clusters/{cluster}/types/",
        "/admin/compute-clusters/{cluster}/tenants/",
        "/admin/storage-clusters/{storage}/",
        "/admin/hosts/{host}/",
        "/admin/hosts/{host}/vms/",
    ],
)
def test_a_page_costs_the_same_number_of_queries_however_much_there_is(
    path: str, cluster: ComputeCluster, ada: User, tenant_a: Tenant
) -> None:
    storage = factories.make_storage(cluster.region)
    host = factories.make_host(cluster, vcpu_reserved=4, memory_reserved_mib=8192)
    factories.make_host(cluster, "gone", last_report_at=timezone.now() - LONG_AGO)
    there: dict[str, Any] = {
        "region": cluster.region.name,
        "cluster": cluster.pk,
        "storage": storage.pk,
        "host": host.pk,
    }
    client = factories.page_client(ada)
    url = path.format(**there)
    shown(client, url)
    with CaptureQueriesContext(connection) as few:
        shown(client, url)
    some_hosts(cluster)
    for _ in range(3):
        other = factories.make_cluster(cluster.region)
        factories.make_host(other, last_report_at=timezone.now() - LONG_AGO)
        factories.make_storage(cluster.region, used_bytes=2**43)
        factories.make_tenant(vm=1)
    with CaptureQueriesContext(connection) as many:
        shown(client, url)
    assert len(many) <= len(few), [q["sql"][:150] for q in many.captured_queries]
