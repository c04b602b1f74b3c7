"""How many VMs the control plane accepts and settles in a second, and what each costs, on pretend hosts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from onebox.shell import wait_until

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Image, InstanceType, Power, Vm
from apps.compute.services.image import import_image
from apps.infrastructure.services.clusters import create_compute_cluster
from apps.infrastructure.services.regions import create_region
from apps.infrastructure.services.storage_clusters import create_storage_cluster
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.bench.processes import control_plane, cpu_seconds
from tests.bench.report import Figure, report
from tests.platform_fixtures import Platform, pretend_platform

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

HOSTS, CLIENTS, TENANTS = 20, 10, 5
WARM_UP, COUNT = 40, 600
CONTROL = ("web", "worker", "beat")


@pytest.fixture(scope="module")
def fast_platform(lasting_rows: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose pretend hosts cost next to nothing: they live in its worker."""
    with pretend_platform(tmp_path_factory.mktemp("platform"), "process") as made:
        yield made


@pytest.fixture(scope="module")
def clients(fast_platform: Platform) -> list[dict[str, Any]]:
    """Ten clients of five tenants, each with an API key and the body it posts."""
    region = create_region(SYSTEM, "bench", "Bench", fabric_driver="memory", open_to_tenants=True)
    cluster = create_compute_cluster(SYSTEM, region)
    pool = create_storage_cluster(SYSTEM, region, path="/srv/pool", driver="memory")
    for _ in range(HOSTS):
        factories.make_host(cluster, vcpus=64, memory_gib=256)
    image = import_image(SYSTEM, name="Tiny", cluster=pool, file=f"memory:{1 << 30}").target_id
    owners = [
        create_tenant(SYSTEM, f"tenant-{n}", f"owner-{n}", must_change_password=False)[1]
        for n in range(TENANTS)
    ]
    Quota.objects.update(limit=1_000_000)
    fast_platform.start(*CONTROL)
    wait_until(
        lambda: not Resource.objects.exclude(state=State.READY).exists(), "networks and image", seconds=60
    )
    small = InstanceType.objects.get(cluster=cluster, vcpu=1)
    return [
        {
            "token": issue_key(owner, f"key-{n}", ApiKey.Scope.WRITE, None)[1],
            "body": {
                "instance_type": small.pk,
                "image": str(Image.objects.get(pk=image).pk),
                "subnet": str(Subnet.objects.get(tenant=owner.tenant).pk),
                "security_group": None,
            },
        }
        for n in range(CLIENTS)
        for owner in [owners[n % TENANTS]]
    ]


def test_creates_per_second_and_cpu_per_vm(fast_platform: Platform, clients: list[dict[str, Any]]) -> None:
    create(fast_platform, clients, WARM_UP)
    pids = control_plane(fast_platform, CONTROL)
    before, started = cpu_seconds(pids), time.perf_counter()
    answered = create(fast_platform, clients, COUNT)
    settled = time.perf_counter() - started
    used = {name: total - before[name] for name, total in cpu_seconds(pids).items()}
    latencies = sorted(answered["latencies_ms"])
    report(
        "creates",
        [
            Figure("settled creates", COUNT / settled, "/s", 34, at_least=True),
            Figure("accepted creates", COUNT / answered["seconds"], "/s"),
            Figure("POST, median of 10 clients", median(latencies), "ms"),
            Figure("POST, 95 of 100", latencies[len(latencies) * 95 // 100], "ms"),
            *(Figure(f"CPU per VM, {name}", 1000 * spent / COUNT, "ms") for name, spent in used.items()),
            Figure("CPU per VM, all", 1000 * sum(used.values()) / COUNT, "ms"),
        ],
    )
    assert Vm.objects.filter(state=State.READY, power_seen=Power.ON).count() == WARM_UP + COUNT


def create(platform: Platform, clients: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Have the clients ask for `count` VMs, wait until all have settled, and return what the clients saw."""
    task = {"port": platform.port, "count": count, "clients": clients}
    program = Path(__file__).with_name("load_client.py")
    done = subprocess.run(
        [sys.executable, program],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    answered: dict[str, Any] = json.loads(done.stdout)
    assert answered["refused"] == []
    wait_until(lambda: not Operation.objects.open().exists(), "every VM", seconds=120, every=0.02)
    return answered
