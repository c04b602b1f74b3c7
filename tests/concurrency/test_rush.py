"""Two hundred clients at one edge, on a real web process: exactly what fits is made, the rest is refused clearly."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from onebox.shell import wait_until

from apps.accounts.keys import issue_key
from apps.accounts.models import Tenant, User
from apps.compute.models import InstanceType, Vm
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Nic
from apps.network.services.addresses import allocate_nic, free_nics
from apps.quotas.models import Quota
from apps.quotas.recount import recount
from tests import factories
from tests.compute.factories import Cloud, make_cloud
from tests.concurrency.together import deadlocks
from tests.network.factories import make_machine
from tests.platform_fixtures import Answer, Platform
from tests.recovery.audit import audit

QUOTAS, ADDRESSES, PLACEMENT, API = (
    ("apps/quotas/", "tests/concurrency/"),
    ("apps/network/", "apps/quotas/", "tests/concurrency/"),
    ("apps/infrastructure/", "apps/compute/", "tests/concurrency/"),
    ("apps/api/", "tests/concurrency/"),
)
NAME = "200 clients at once"
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

CLIENTS = 200
#: A machine with more to do than two cores can may turn a request away.
RETRIES = 3
SETTLE_SECONDS = 90


@dataclass
class Rush:
    """A platform with web, worker and beat, and a pretend region with plenty of room."""

    platform: Platform
    cloud: Cloud

    def post(self, tokens: list[str], body: dict[str, Any]) -> list[Answer]:
        """Send the same request once for each token, all at the same time.

        Who is told to retry does so, as clients do; with the same key it is still one request.
        """

        def ask(token: str) -> Answer:
            api, key = self.platform.client(token), uuid4().hex
            answer = api.ask("POST", "/vms", body, key=key)
            for _ in range(RETRIES):
                if answer.status != 503:
                    break
                answer = api.ask("POST", "/vms", body, key=key)
            return answer

        with ThreadPoolExecutor(len(tokens)) as pool:
            return list(pool.map(ask, tokens))

    def body(self, tenant: Tenant, cidr: str = "10.0.0.0/20", **changes: Any) -> dict[str, Any]:
        """Return what a tenant's VM wants: the smallest type, in a new subnet."""
        subnet = self.cloud.network(tenant, cidr)
        recount(tenant, repair=True)  # the factory counts nothing
        return {
            "name": "vm",
            "instance_type": self.cloud.small.pk,
            "image": str(self.cloud.image.pk),
            "subnet": str(subnet.pk),
            "security_group": None,
            **changes,
        }

    def settle(self) -> None:
        wait_until(
            lambda: not Operation.objects.open().exists(), "all to settle", seconds=SETTLE_SECONDS, every=0.2
        )


@pytest.fixture(scope="module")
def rush(memory_platform: Platform) -> Iterator[Rush]:
    cloud = make_cloud(backends.memory_world(), hosts=6, vcpus=64, memory_gib=512)
    memory_platform.start("web", "worker", "beat")
    yield Rush(memory_platform, cloud)


def make_client(tenant: Tenant) -> tuple[User, str]:
    """Make an owner of the tenant with an API key."""
    owner = factories.make_owner(tenant)
    _key, token = issue_key(owner, "rush", "write", None)
    return owner, token


def counted(answers: list[Answer]) -> Counter[tuple[int, str]]:
    return Counter((answer.status, answer.body.get("code", "")) for answer in answers)


@pytest.mark.campaign(NAME, QUOTAS, share=3)
@pytest.mark.campaign_core
@pytest.mark.requirement("AC-2")
@pytest.mark.requirement("OP-1")
def test_two_hundred_clients_at_a_tenants_quota_get_exactly_what_is_left(rush: Rush) -> None:
    before, tenant = deadlocks(), factories.make_tenant(vm=50)
    Quota.objects.filter(tenant=tenant).exclude(metric="vm").update(limit=100_000)
    _owner, token = make_client(tenant)
    started = time.monotonic()
    answers = rush.post([token] * CLIENTS, rush.body(tenant))
    took = time.monotonic() - started
    assert counted(answers) == {(202, ""): 50, (409, "quota.exceeded"): 150}, took
    for answer in answers:
        if answer.status == 409:
            assert answer.body["title"] and answer.body["hint"] and answer.body["details"]["quotas"]
    assert Quota.objects.get(tenant=tenant, metric="vm").used == 50
    rush.settle()
    assert Vm.objects.filter(tenant=tenant, state="ready", power_seen="on").count() == 50
    assert (recount(tenant), audit(), deadlocks()) == ([], [], before)


@pytest.mark.campaign(NAME, ADDRESSES, share=3)
@pytest.mark.requirement("VP-2")
def test_two_hundred_creates_race_for_the_last_hundred_addresses_of_a_subnet(rush: Rush) -> None:
    tenant = factories.make_tenant()
    Quota.objects.filter(tenant=tenant).update(limit=100_000)
    _owner, token = make_client(tenant)
    body = rush.body(tenant, "10.1.0.0/25")
    subnet = tenant_subnet(body)
    occupied = 125 - 100
    machine_rows = []
    for _ in range(occupied):
        machine = make_machine(factories.default_project(tenant), rush.cloud.region)
        with transaction.atomic():
            allocate_nic(subnet, machine)
        machine_rows.append(machine)
    answers = rush.post([token] * CLIENTS, body)
    assert counted(answers) == {(202, ""): 100, (409, "subnet.full"): 100}
    assert Nic.objects.filter(subnet=subnet).values("ip").distinct().count() == 125
    rush.settle()
    for machine in machine_rows:
        free_nics(machine)
        machine.delete()
    assert (recount(tenant), audit()) == ([], [])


def tenant_subnet(body: dict[str, Any]) -> Any:
    from apps.network.models import Subnet

    return Subnet.objects.get(pk=body["subnet"])


@pytest.mark.campaign(NAME, PLACEMENT, share=3)
@pytest.mark.requirement("CL-5")
def test_two_hundred_creates_race_for_a_host_with_room_for_thirty(rush: Rush) -> None:
    tenant = factories.make_tenant()
    Quota.objects.filter(tenant=tenant).update(limit=100_000)
    _owner, token = make_client(tenant)
    cluster = factories.make_cluster(rush.cloud.region)
    # A twentieth is the host's own: 60.8 GiB are left.
    host = factories.make_host(cluster, vcpus=64, memory_gib=64, memory_capacity_mib=62259)
    small = InstanceType.objects.create(cluster=cluster, name="1C2G", vcpu=1, memory_gib=2)
    answers = rush.post([token] * CLIENTS, rush.body(tenant, "10.2.0.0/20", instance_type=small.pk))
    assert counted(answers) == {(202, ""): 30, (409, "placement.no_host"): 170}
    rush.settle()
    host.refresh_from_db()
    assert (host.vcpu_reserved, host.memory_reserved_mib) == (30, 30 * 2048)
    assert (recount(tenant), audit()) == ([], [])


@pytest.mark.campaign(NAME, QUOTAS, share=3)
@pytest.mark.requirement("AC-2")
@pytest.mark.requirement("OP-1")
def test_creates_and_deletes_at_the_edge_leave_the_sums_right(rush: Rush) -> None:
    """Twenty exist and twenty are allowed: what goes makes room, and nobody gets more than that."""
    before, tenant = deadlocks(), factories.make_tenant(vm=20)
    _owner, token = make_client(tenant)
    body = rush.body(tenant, "10.3.0.0/20")
    rush.post([token] * 2, {**body, "count": 10})
    api = rush.platform.client(token)
    vms = [str(pk) for pk in Vm.objects.filter(tenant=tenant).values_list("pk", flat=True)]
    assert len(vms) == 20

    def once(number: int) -> Answer:
        if number % 3 == 0 and number // 3 < len(vms):
            return api.ask("DELETE", f"/vms/{vms[number // 3]}")
        return api.ask("POST", "/vms", {**body, "count": 1 + number % 2})

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(once, range(120)))
    assert set(counted(answers)) <= {(202, ""), (409, "quota.exceeded")}, counted(answers)
    rush.settle()
    assert not Operation.objects.filter(status=OperationStatus.FAILED).exists()
    exist = Vm.objects.filter(tenant=tenant)
    assert not exist.filter(pk__in=vms).exists()
    assert Quota.objects.get(tenant=tenant, metric="vm").used == exist.count() <= 20
    assert (recount(tenant), audit(), deadlocks()) == ([], [], before)
    assert Host.objects.filter(vcpu_reserved__lt=0).count() == 0


@pytest.mark.campaign(NAME, API, share=3)
@pytest.mark.requirement("OP-5")
def test_a_request_whose_answer_was_lost_with_the_web_process_is_answered_when_it_comes_again(
    rush: Rush,
) -> None:
    tenant = factories.make_tenant()
    _owner, token = make_client(tenant)
    body, api = rush.body(tenant, "10.4.0.0/20"), rush.platform.client(token)
    web = rush.platform.process("web")
    rush.platform.stop("web")
    dying = replace(web, name="dying web", args=("-m", "tests.concurrency.web_entry", *web.args[2:]))
    rush.platform.start(dying, "proxy")
    assert api.ask("POST", "/vms", body, key="lost").status == 503, (
        "what the reverse proxy says of a lost answer"
    )
    wait_until(lambda: rush.platform.pid(dying.name) is None, "death of the web process", seconds=20)
    vm = Vm.objects.get(tenant=tenant)
    rush.platform.start("web")
    answers = [api.ask("POST", "/vms", body, key="lost") for _ in range(2)]
    assert counted(answers) == {(202, ""): 2}
    assert {answer.body["resources"][0]["id"] for answer in answers} == {str(vm.pk)}
    assert Vm.objects.filter(tenant=tenant).count() == 1
    assert Quota.objects.get(tenant=tenant, metric="vm").used == 1
    rush.settle()
    assert (recount(tenant), audit()) == ([], [])
