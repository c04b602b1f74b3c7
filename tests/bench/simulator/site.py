"""A platform on simulated hosts, with VMs standing on them and tenants who may ask for more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import mean
from typing import Any

from django.db import connection
from django.utils import timezone
from onebox.shell import wait_until
from redis import Redis

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Tenant
from apps.compute.models import Image, InstanceType
from apps.compute.services.instance_type import create_default_types
from apps.infrastructure.models import ComputeCluster, Host
from apps.infrastructure.services.regions import create_region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from apps.reconciliation.models import Look
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.bench.report import Figure
from tests.bench.simulator.fleet import Fleet, spread_vms
from tests.bench.test_lists import insert_vms
from tests.compute.factories import make_image, make_subnet
from tests.platform_fixtures import Platform

STANDING_TENANTS, TENANTS, CLIENTS = 5, 5, 10


@dataclass
class Site:
    """Everything a load needs to know."""

    platform: Platform
    cluster: ComputeCluster
    image: Image
    clients: list[dict[str, Any]]
    standing: list[Tenant]
    fleet: Fleet

    def load(self, rate: float, seconds: int, linger: float, reads: Mapping[str, Any]) -> dict[str, Any]:
        """Create and delete VMs at a pace, and return what the clients saw; see `load.py`."""
        task = {
            "port": self.platform.port,
            "clients": self.clients,
            "rate": rate,
            "seconds": seconds,
            "linger": linger,
            "reads": dict(reads),
        }
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("load.py"))],
            input=json.dumps(task),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=seconds * 4 + 300,
        )
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def settle(self, seconds: float = 120) -> None:
        """Wait until no operation is open."""
        wait_until(
            lambda: not Operation.objects.open().exists(), "every operation", seconds=seconds, every=0.1
        )

    def reads(self) -> dict[str, tuple[str, str]]:
        """Return what a tenant with many VMs looks at: path and token by name."""
        token = issue_key(factories.make_owner(self.standing[0]), "reads", ApiKey.Scope.READ, None)[1]
        return {"list": ("/api/v1/vms", token), "name filter": ("/api/v1/vms?q=vm-12", token)}

    def message_sizes(self) -> list[Figure]:
        """Return how long what a host has left in Redis is."""
        client = Redis.from_url(self.platform.instance.settings()["REDIS_URL"])
        figures = []
        for kind in ("report", "heartbeat", "usage"):
            sizes = [client.strlen(f"host.{name}.{kind}") for name in self.fleet.keys]
            figures.append(Figure(f"a host's {kind}, mean", mean(map(int, sizes)), "bytes"))
        return figures


@contextmanager
def simulated_site(
    platform: Platform, directory: Path, *, hosts: int, vms: int, processes: int
) -> Iterator[Site]:
    """Give a platform whose hosts have all reported; ends the hosts' processes."""
    region = create_region(SYSTEM, "simulated", "Simulated", fabric_driver="memory", open_to_tenants=True)
    cluster = factories.make_cluster(region)
    create_default_types(cluster)
    pool = factories.make_storage(region, driver="file")  # through the simulated agents
    image = make_image(pool)
    fleet = Fleet(platform.instance.settings()["REDIS_URL"], directory)
    fleet.enrol(cluster, hosts)
    standing = insert_standing(cluster, image, vms) if vms else []
    # The standing VMs' ports and disks are rows only: compared, each would be repaired. Hosts are compared as ever.
    Look.objects.bulk_create(
        Look(place=place, at=timezone.now() + timedelta(days=1))
        for place in (f"region:{region.pk}", f"storage:{pool.pk}")
    )
    with fleet.running([image.spec()], processes):
        platform.start("web", "worker", "beat")
        owners = [
            create_tenant(SYSTEM, f"tenant-{n}", f"owner-{n}", must_change_password=False)[1]
            for n in range(TENANTS)
        ]
        Quota.objects.update(limit=1_000_000)
        wait_until(
            lambda: (
                not Resource.objects.exclude(state=State.READY).exists()
                and not Host.objects.filter(agent_version="").exists()
            ),
            "hosts and networks",
            seconds=120,
        )
        small = InstanceType.objects.get(cluster=cluster, vcpu=1)
        clients = [
            {
                "token": issue_key(owner, f"key-{n}", ApiKey.Scope.WRITE, None)[1],
                "body": {
                    "instance_type": small.pk,
                    "image": str(image.pk),
                    "subnet": str(Subnet.objects.get(tenant=owner.tenant).pk),
                    "security_group": None,
                },
            }
            for n in range(CLIENTS)
            for owner in [owners[n % TENANTS]]
        ]
        yield Site(platform, cluster, image, clients, standing, fleet)


def insert_standing(cluster: ComputeCluster, image: Image, vms: int) -> list[Tenant]:
    """Insert VMs of a few tenants, evenly on all hosts, with quota and room counted as theirs."""
    small = InstanceType.objects.get(cluster=cluster, vcpu=1)
    tenants = []
    for number in range(STANDING_TENANTS):
        tenant = factories.make_tenant(f"standing-{number}")
        subnet = make_subnet(cluster.region, factories.default_project(tenant), "10.0.0.0/16")
        insert_vms(tenant, vms // STANDING_TENANTS, subnet, Host.objects.all()[0], image, small)
        recount(tenant, repair=True)
        tenants.append(tenant)
    spread_vms()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return tenants
