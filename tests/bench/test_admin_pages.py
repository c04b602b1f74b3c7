"""The administration with 1,000 hosts and 25,000 VMs: server time of the overview, a cluster, a region."""

from __future__ import annotations

import time
from collections.abc import Iterator
from statistics import median

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.compute.models import Image, InstanceType
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster, Host
from tests import factories
from tests.bench.report import Figure, report
from tests.bench.test_lists import _INSERT_DISKS, _INSERT_VMS
from tests.compute.factories import make_cloud, make_subnet

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600), pytest.mark.django_db]

HOSTS, VMS, ROUNDS = 1_000, 25_000, 15
#: Milliseconds an administrator's page may take at most.
AIM = 100
_SPREAD = """
WITH host AS (SELECT resource_id, row_number() OVER (ORDER BY resource_id) - 1 AS n FROM infrastructure_host),
     vm AS (SELECT resource_id, row_number() OVER (ORDER BY resource_id) - 1 AS n FROM compute_vm)
UPDATE compute_vm SET host_id = host.resource_id
  FROM vm JOIN host ON vm.n %% %(hosts)s = host.n WHERE compute_vm.resource_id = vm.resource_id
"""


@pytest.fixture
def full() -> Iterator[ComputeCluster]:
    """One cluster of 1,000 hosts with 25 VMs on each."""
    cloud = make_cloud(backends.memory_world(), hosts=1)
    for number in range(HOSTS - 1):
        factories.make_host(
            cloud.cluster, f"node{number:04}", load_percent=number % 100, memory_used_mib=number * 40
        )
    tenant = factories.make_tenant("large")
    project = factories.default_project(tenant)
    subnet = make_subnet(cloud.region, project, "10.0.0.0/8")
    given = {
        "tenant": tenant.pk,
        "project": project.pk,
        "region": cloud.region.pk,
        "count": VMS,
        "cluster": cloud.cluster.pk,
        "host": Host.objects.order_by("pk")[0].pk,
        "type": InstanceType.objects.filter(cluster=cloud.cluster)[0].pk,
        "image": Image.objects.get().pk,
        "subnet": subnet.pk,
        "pool": cloud.storage.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_VMS, given)
        cursor.execute(_INSERT_DISKS, given)
        cursor.execute(_SPREAD, {"hosts": HOSTS})
        cursor.execute("ANALYZE")
    Host.objects.update(last_report_at=timezone.now(), memory_reserved_mib=40_000, vcpu_reserved=40)
    yield cloud.cluster


def milliseconds(client: Client, path: str) -> float:
    """Return the median time of an answer, in this process."""
    took = []
    for _ in range(ROUNDS):
        Host.objects.update(last_report_at=timezone.now())
        began = time.perf_counter()
        assert client.get(path).status_code == 200
        took.append(1000 * (time.perf_counter() - began))
    return median(took)


def test_pages_of_a_full_platform(full: ComputeCluster) -> None:
    client = factories.page_client(factories.make_admin("ada"))
    host = Host.objects.filter(cluster=full).first()
    assert host is not None
    paths = {
        "overview": "/admin/",
        "cluster": f"/admin/compute-clusters/{full.pk}/",
        "cluster, by number of VMs": f"/admin/compute-clusters/{full.pk}/?measure=vms&order=value",
        "cluster's hosts": f"/admin/compute-clusters/{full.pk}/hosts/",
        "cluster's VMs": f"/admin/compute-clusters/{full.pk}/vms/",
        "region": f"/admin/regions/{full.region.name}/",
        "host": f"/admin/hosts/{host.pk}/",
        "host's VMs": f"/admin/hosts/{host.pk}/vms/",
        "tenants": "/admin/tenants/",
    }
    figures = [
        Figure(f"{name}, median", milliseconds(client, path), "ms", AIM) for name, path in paths.items()
    ]
    report("admin-pages", figures)
