"""Many creates at once, by several tenants: nothing is given twice, nothing is overrun."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.keys import issue_key
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, State
from apps.network.models import Nic
from apps.quotas.models import Quota
from tests import factories
from tests.compute.factories import Cloud, make_cloud

TENANTS = 5
REQUESTS = 40
THREADS = 8


@pytest.mark.django_db(transaction=True)
@pytest.mark.requirement("AC-2")
@pytest.mark.requirement("CL-5")
@pytest.mark.requirement("OP-1")
@pytest.mark.requirement("NI-1")
def test_two_hundred_parallel_creates_of_several_tenants(world: Any) -> None:
    """Room for 150 in all; one tenant may have only 10; some ask for three at once, half of them share a subnet."""
    cloud = make_cloud(world, hosts=5, vcpus=16, memory_gib=60)
    # No agents report during the test, and on a busy machine it may take longer than hosts may be silent.
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    calls = [call for number in range(TENANTS) for call in _calls(cloud, number)]
    assert len(calls) == 200

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(_post, calls))
        settled = list(
            pool.map(_settle, Operation.objects.filter(verb="vm.create").values_list("pk", flat=True))
        )

    assert {status for status, _code in answers} == {202, 409}
    assert {code for status, code in answers if status == 409} <= {"quota.exceeded", "placement.no_host"}
    made = Vm.objects.count()
    assert made == len(settled) == 150
    assert Vm.objects.filter(state=State.READY).count() == made
    _audit(made)


def _calls(cloud: Cloud, number: int) -> list[tuple[str, dict[str, Any]]]:
    tenant = factories.make_tenant(vm=10 if number == 0 else 100)
    _, token = issue_key(factories.make_owner(tenant), "key", "write", None)
    subnets = [cloud.network(tenant), cloud.network(tenant)]
    return [
        (
            token,
            {
                "name": f"vm{call}",
                "instance_type": cloud.small.pk,
                "image": str(cloud.image.pk),
                "subnet": str(subnets[call % 2].pk),
                "security_group": None,
                "count": 3 if call % 10 == 0 else 1,
            },
        )
        for call in range(REQUESTS)
    ]


def _post(call: tuple[str, dict[str, Any]]) -> tuple[int, str]:
    token, body = call
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    try:
        answer = client.post("/api/v1/vms", body, format="json")
        return answer.status_code, answer.data.get("code", "")
    finally:
        connection.close()


def _settle(operation_id: Any) -> None:
    try:
        execute(operation_id)
    finally:
        connection.close()


def _audit(made: int) -> None:
    """Rows and sums agree: addresses and MACs single, quotas and reservations exactly what the VMs take."""
    nics = list(Nic.objects.values_list("subnet_id", "ip", "mac"))
    inside = [(subnet, ip) for subnet, ip, _mac in nics if subnet]
    assert (len(inside), len(set(inside))) == (made, made)
    assert len({mac for *_rest, mac in nics}) == len(nics) == 2 * made
    for host in Host.objects.all():
        assert host.vcpu_reserved <= host.vcpu_capacity
        assert host.memory_reserved_mib <= host.memory_capacity_mib
        taken = host.vms.aggregate(vcpu=Sum("vcpu"), memory=Sum("memory_mib"))
        assert (host.vcpu_reserved, host.memory_reserved_mib) == (taken["vcpu"], taken["memory"])
    for quota in Quota.objects.filter(metric="vm"):
        assert quota.used == Vm.objects.filter(tenant=quota.tenant).count() <= quota.limit
    for quota in Quota.objects.filter(metric="memory_gib"):
        assert quota.used == 2 * Vm.objects.filter(tenant=quota.tenant).count()
