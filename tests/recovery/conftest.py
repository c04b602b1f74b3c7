"""A pretend region with one tenant, and the processes that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from onebox.shell import wait_until

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey
from apps.compute.models import Vm
from apps.compute.services.instance_type import create_default_types
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, Resource, State
from apps.network.models import Subnet
from apps.quotas.models import Quota
from apps.tenancy.services.tenants import create_tenant
from tests import factories
from tests.compute.factories import make_image
from tests.platform_fixtures import Api, Platform

#: A platform settles within this many seconds of its processes being back (OP-2).
SETTLE_SECONDS = 60
#: What sees to that: with any of these changed, all outages and kills are tried.
WHAT_SETTLES = (
    "apps/lifecycle/dispatch",
    "apps/lifecycle/engine",
    "apps/lifecycle/lease_renewal",
    "apps/lifecycle/operation_context",
    "apps/lifecycle/sweep",
)


@dataclass
class Site:
    """A platform with a region, and a tenant whose owner asks for VMs through the API."""

    platform: Platform
    api: Api
    choices: dict[str, Any]

    def ask_for_vm(self, name: str, *, key: str = "") -> str:
        """Ask for a VM and return its id."""
        body = {"name": name, **self.choices}
        (resource,) = self.api.change("POST", "/vms", body, key=key)["resources"]
        return str(resource["id"])

    def ask_to_delete(self, vm_id: str) -> None:
        self.api.change("DELETE", f"/vms/{vm_id}")

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until no operation is open."""
        wait_until(
            lambda: not Operation.objects.open().exists(),
            "every operation to settle",
            seconds=seconds,
            every=0.2,
        )

    def empty(self) -> None:
        """Delete every VM, whatever became of it."""
        for vm in Vm.objects.all():
            self.ask_to_delete(str(vm.pk))
        self.settle()


@pytest.fixture(scope="module")
def site(memory_platform: Platform) -> Site:
    """A pretend region of four hosts with web, worker and beat running."""
    return peopled(memory_platform)


def peopled(platform: Platform) -> Site:
    """Make a pretend region of four hosts and a tenant, and start what serves them."""
    region = factories.make_region()
    cluster = factories.make_cluster(region)
    create_default_types(cluster)
    for _ in range(4):
        factories.make_host(cluster, vcpus=64, memory_gib=256)
    image = make_image(factories.make_storage(region))
    tenant, owner, _password = create_tenant(SYSTEM, "acme", "alice", must_change_password=False)
    Quota.objects.filter(tenant=tenant).update(limit=10_000)
    _key, token = issue_key(owner, "tests", ApiKey.Scope.WRITE, None)
    platform.start("web", "worker", "beat")
    wait_until(
        lambda: not Resource.objects.filter(tenant=tenant).exclude(state=State.READY).exists(),
        "the tenant's first network",
        seconds=SETTLE_SECONDS,
        every=0.2,
    )
    subnet = Subnet.objects.get(tenant=tenant)
    choices = {
        "instance_type": cluster.instance_types.get(vcpu=1).pk,
        "image": str(image.pk),
        "subnet": str(subnet.pk),
        "security_group": None,
    }
    return Site(platform, platform.client(token), choices)


@pytest.fixture
def nothing_left_over(site: Site) -> Iterator[None]:
    """Start every test with the usual processes and end it with no VM."""
    site.platform.start("web", "worker", "beat")
    yield
    site.platform.start("web", "worker", "beat")
    site.empty()
