"""Pages of a tenant with 1,000 disks and 20 snapshots of each, beside those of its 1,000 VMs."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from statistics import median

import pytest
from django.db import connection

from apps.compute.models import Vm
from apps.infrastructure import backends
from apps.storage.models import Disk, Snapshot
from tests import factories
from tests.bench.report import Figure, report
from tests.bench.test_lists import by_key, by_session, insert_vms, interleaved
from tests.compute.factories import make_cloud, make_subnet
from tests.platform_fixtures import Platform
from tests.storage.many_disks import insert_disks

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

COUNT, SNAPSHOTS = 1_000, 20
#: Of what the page of VMs takes.
MOST_RATIO = 1.2


def test_pages_of_disks_and_snapshots_cost_what_those_of_vms_do(memory_platform: Platform) -> None:
    cloud = make_cloud(backends.memory_world(), hosts=1)
    tenant = factories.make_tenant("many-disks")
    owner = factories.make_owner(tenant)
    subnet = make_subnet(cloud.region, factories.default_project(tenant), "10.0.0.0/16")
    # Disks first: a VM's system disk has no snapshots.
    insert_disks(tenant, cloud.storage, COUNT, SNAPSHOTS)
    insert_vms(tenant, COUNT, subnet, cloud.hosts[0], cloud.image, cloud.small)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    memory_platform.collect_static()
    memory_platform.start("web")
    vm = Vm.objects.earliest("created_at").pk
    disk = Disk.objects.filter(role=Disk.Role.DATA).earliest("created_at").pk
    snapshot = Snapshot.objects.earliest("created_at").pk
    lists, details = ("vms", "disks", "snapshots"), (f"vms/{vm}", f"disks/{disk}", f"snapshots/{snapshot}")
    figures: list[Figure] = []
    for what, headers, prefix, end in (
        ("API", by_key(owner), "/api/v1/", ""),
        ("HTML", by_session(owner), "/", "/"),
    ):
        for name, paths in (("list", lists), ("detail", details)):
            asks = {
                number: asker(memory_platform.port, f"{prefix}{path}{end}", headers)
                for number, path in enumerate(paths)
            }
            taken = [1000 * median(times) for times in interleaved(asks).values()]
            for kind, value in zip(lists, taken, strict=True):
                aim = None if kind == "vms" else MOST_RATIO * taken[0]
                figures.append(Figure(f"{what}, {name} of {kind}", value, "ms", aim))
    report("disk-lists", figures)


def asker(port: int, path: str, headers: dict[str, str]) -> Callable[[], float]:
    """Return a function that fetches a page over an open connection and tells how many seconds that took."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask() -> float:
        started = time.perf_counter()
        kept.request("GET", path, headers=headers)
        response = kept.getresponse()
        response.read()
        assert response.status == 200, (path, response.status)
        return time.perf_counter() - started

    return ask
