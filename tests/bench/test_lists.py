"""A page of 50 VMs: what it costs more out of 25,000 than out of 1,000, through the API and as HTML."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Tenant, User
from apps.compute.models import Image, InstanceType, Vm
from apps.infrastructure.models import Host
from apps.network.models import Subnet
from tests import factories
from tests.bench.report import Figure, report
from tests.compute.factories import make_cloud, make_subnet
from tests.platform_fixtures import Platform

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

FEW, MANY = 1_000, 25_000
ROUNDS, WARM_UP = 60, 5

# Kinds share a table, which Django's bulk_create cannot fill; a second apart, each with a disk and a NIC.
_INSERT_VMS = """
WITH vm AS (
    INSERT INTO lifecycle_resource (id, kind, name, description, tenant_id, project_id, region_id, state, generation,
                                    observed_generation, error, created_at, updated_at)
    SELECT gen_random_uuid(), 'vm', 'vm-' || n, '', %(tenant)s, %(project)s, %(region)s, 'ready', 1, 1, '{}',
           now() - n * interval '1 second', now()
      FROM generate_series(1, %(count)s) n
    RETURNING id, name, created_at
), machine AS (
    INSERT INTO compute_vm (resource_id, cluster_id, host_id, instance_type_id, image_id, vcpu, memory_mib, power,
                            power_seen, power_seen_at, boot, hostname, pause_reason,
                            sealed_password_hash, ssh_keys, sealed_user_data)
    SELECT id, %(cluster)s, %(host)s, %(type)s, %(image)s, 1, 2048, 'on', 'on', now(), 1, name, '', '', '[]', ''
      FROM vm
), card AS (
    INSERT INTO network_nic (id, owner_id, role, subnet_id, ip, mbit_in, mbit_out, created_at)
    SELECT gen_random_uuid(), id, 'internal', %(subnet)s,
           '10.0.0.1'::inet + row_number() OVER (ORDER BY created_at), 0, 0, created_at
      FROM vm
)
SELECT count(*) FROM vm
"""
_INSERT_DISKS = """
WITH disk AS (
    INSERT INTO lifecycle_resource (id, kind, name, description, tenant_id, project_id, region_id, state, generation,
                                    observed_generation, error, created_at, updated_at)
    SELECT gen_random_uuid(), 'disk', vm.id::text, '', tenant_id, project_id, region_id, 'ready', 1, 1, '{}',
           created_at, updated_at
      FROM lifecycle_resource vm WHERE vm.kind = 'vm' AND vm.tenant_id = %(tenant)s
    RETURNING id, name
)
INSERT INTO storage_disk (resource_id, role, cluster_id, size_gib, vm_id, slot, image_id, iops, bytes_per_second)
SELECT id, 'system', %(pool)s, 40, name::uuid, 0, %(image)s, 0, 0 FROM disk
"""


@pytest.fixture(scope="module")
def owners(memory_platform: Platform) -> Iterator[dict[int, User]]:
    """Tenants with so many VMs, by their number; each VM with a disk and a NIC."""
    from apps.infrastructure import backends

    cloud = make_cloud(backends.memory_world(), hosts=1)
    found = {}
    for count in (FEW, MANY):
        tenant = factories.make_tenant(f"tenant-{count}")
        subnet = make_subnet(cloud.region, factories.default_project(tenant), "10.0.0.0/16")
        insert_vms(tenant, count, subnet, cloud.hosts[0], cloud.image, cloud.small)
        found[count] = factories.make_owner(tenant)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    memory_platform.collect_static()
    memory_platform.start("web")
    yield found


def insert_vms(
    tenant: Tenant, count: int, subnet: Subnet, host: Host, image: Image, kind: InstanceType
) -> None:
    """Insert VMs with disks and NICs in a few statements."""
    values = {
        "tenant": tenant.pk,
        "project": factories.default_project(tenant).pk,
        "region": subnet.region_id,
        "count": count,
        "cluster": kind.cluster_id,
        "host": host.pk,
        "type": kind.pk,
        "image": image.pk,
        "subnet": subnet.pk,
        "pool": image.cluster_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_VMS, values)
        cursor.execute(_INSERT_DISKS, values)
    assert Vm.objects.filter(tenant=tenant).count() == count


def test_a_page_out_of_many_costs_what_one_out_of_few_does(
    memory_platform: Platform, owners: dict[int, User]
) -> None:
    figures = []
    for name, path, login in (("API", "/api/v1/vms", by_key), ("HTML", "/vms/", by_session)):
        asks = {count: asker(memory_platform.port, path, login(user)) for count, user in owners.items()}
        times = interleaved(asks)
        few, many = (1000 * median(times[count]) for count in (FEW, MANY))
        latency_aim = 25 if name == "API" else None
        figures += [
            Figure(f"{name}, out of {FEW}", few, "ms"),
            Figure(f"{name}, out of {MANY}", many, "ms", latency_aim),
            Figure(f"{name}, many over few", many / few, "", 1.2),
        ]
    report("lists", figures)


def by_key(user: User) -> dict[str, str]:
    """Return the headers of a program."""
    return {"Authorization": f"Bearer {issue_key(user, 'bench', ApiKey.Scope.READ, None)[1]}"}


def by_session(user: User) -> dict[str, str]:
    """Return the headers of a browser that is logged in."""
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[-1])
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


def asker(port: int, path: str, headers: dict[str, str]) -> Callable[[], float]:
    """Return a function that fetches the page over an open connection and tells how many seconds that took."""
    connections = [http.client.HTTPConnection("127.0.0.1", port, timeout=60)]

    def ask() -> float:
        started = time.perf_counter()
        connections[0].request("GET", path, headers=headers)
        response = connections[0].getresponse()
        body = response.read()
        assert response.status == 200, response.status
        assert body.count(b"vm-") >= 50, "a page of 50"
        return time.perf_counter() - started

    return ask


def interleaved(asks: dict[int, Callable[[], float]]) -> dict[int, list[float]]:
    """Ask in turns, so that whatever else the machine does slows all alike."""
    times: dict[int, list[float]] = {count: [] for count in asks}
    for number in range(WARM_UP + ROUNDS):
        for count, ask in asks.items():
            seconds = ask()
            if number >= WARM_UP:
                times[count].append(seconds)
    return times
