"""What it costs to look at 1,000 hosts with 25,000 VMs: a round of reports, the network, the disks, the counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.compute.models import Vm
from apps.compute.reconciled.reservations import recount_hosts
from apps.drivers.memory import World
from apps.drivers.memory.records import PORTS, VOLUMES
from apps.drivers.reports import HostReport
from apps.drivers.specs import HostObservation, Power, VmStatus
from apps.infrastructure import backends
from apps.infrastructure.models import Host, StorageCluster
from apps.infrastructure.reports import Reading
from apps.network.models import Nic
from apps.network.reconciled.addresses import note_strays, recount_subnets
from apps.network.specs import port_spec
from apps.reconciliation import fabric_scan, host_scan, pool_scan
from apps.reconciliation.models import Finding
from apps.storage.models import Disk
from apps.storage.specs import volume_spec
from tests import factories
from tests.bench.report import Figure, report
from tests.bench.test_lists import insert_vms
from tests.compute.factories import Cloud, make_cloud

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

HOSTS, VMS = 1_000, 25_000
#: Each host has its turn every 30 s, and the collector runs every 2 s.
A_ROUND = HOSTS * 2 // 30

_SPREAD = """
UPDATE compute_vm SET host_id = placed.host FROM (
    SELECT vm.resource_id AS id, (%s::uuid[])[1 + row_number() OVER () %% %s] AS host FROM compute_vm vm) placed
 WHERE placed.id = compute_vm.resource_id
"""
_OLDER = """
UPDATE lifecycle_resource SET updated_at = now() - interval '1 hour'
"""
_PROMISE = """
UPDATE infrastructure_host h SET vcpu_reserved = t.vcpu, memory_reserved_mib = t.mib
  FROM (SELECT host_id, sum(vcpu) AS vcpu, sum(memory_mib) AS mib FROM compute_vm GROUP BY host_id) t
 WHERE t.host_id = h.resource_id
"""


@pytest.fixture
def cloud(db: None, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    made = make_cloud(world, hosts=HOSTS)
    tenant = factories.make_tenant("acme")
    subnet = made.network(tenant, "10.0.0.0/16")
    insert_vms(tenant, VMS, subnet, made.hosts[0], made.image, made.small)
    # Nobody reports during the test.
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD, [[host.pk for host in made.hosts], HOSTS])
        cursor.execute(_OLDER)
        cursor.execute(_PROMISE)
        cursor.execute("ANALYZE")
    with world.records() as state:
        for disk in Disk.objects.select_related("cluster"):
            state.put(VOLUMES, str(disk.pk), volume_spec(disk))
        for nic in Nic.objects.exclude(subnet=None):
            state.put(PORTS, str(nic.pk), port_spec(nic, generation=1))
    return made


def readings(cloud: Cloud, count: int) -> list[Reading]:
    """Return what so many hosts would report."""
    chosen = {host.pk: host for host in Host.objects.order_by("name")[:count]}
    vms: dict[object, list[VmStatus]] = {}
    for pk, host in Vm.objects.filter(host__in=chosen).values_list("pk", "host"):
        vms.setdefault(host, []).append(VmStatus(str(pk), True, Power.ON, 1, 1))
    now = datetime.now(UTC)
    seen = HostObservation("x86_64", "Pretend CPU", 64, 1 << 18, "memory", "1")
    return [
        Reading(
            host,
            HostReport(_with(seen, tuple(vms.get(pk, ()))), "bench", "1", 1, now),
            rebooted=False,
            taken_at=now,
        )
        for pk, host in chosen.items()
    ]


def _with(seen: HostObservation, vms: tuple[VmStatus, ...]) -> HostObservation:
    return HostObservation(
        seen.architecture,
        seen.cpu_model,
        seen.vcpus,
        seen.memory_mib,
        seen.virtualisation,
        seen.hypervisor_version,
        vms=vms,
    )


def measured(what: str, look: Callable[[], object], most_ms: float) -> list[Figure]:
    """Look twice, the second time by the clock."""
    look()
    with CaptureQueriesContext(connection) as queries:
        started = time.perf_counter()
        look()
        took = 1000 * (time.perf_counter() - started)
    return [Figure(what, took, "ms", most_ms), Figure(f"{what}: statements", len(queries), "")]


@pytest.mark.requirement("OP-3")
def test_looking_at_a_thousand_hosts(cloud: Cloud) -> None:
    some, all_of_them = readings(cloud, A_ROUND), readings(cloud, HOSTS)
    pool = StorageCluster.objects.select_related("region").get(pk=cloud.storage.pk)
    figures = [
        *measured(f"{A_ROUND} hosts, a collector's round", lambda: host_scan.scan(some), 200),
        *measured(f"all {HOSTS} hosts at once", lambda: host_scan.scan(all_of_them), 3000),
        *measured(f"the network with {VMS} ports", lambda: fabric_scan.scan(cloud.region), 3000),
        *measured(f"a pool with {VMS} volumes", lambda: pool_scan.scan(pool), 3000),
        *measured("promised room of all hosts", recount_hosts, 500),
        *measured("address books", lambda: (recount_subnets(), note_strays()), 500),
    ]
    report("reconciliation", figures)
    assert not Finding.objects.exists()
    assert all(figure.verdict != "MISSED" for figure in figures)
