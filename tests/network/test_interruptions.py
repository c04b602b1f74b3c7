"""A worker that dies at any driver call of any network operation: the next one finishes, and nothing is left over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Project, Tenant
from apps.drivers.memory import World
from apps.drivers.specs import PortSpec, SecurityGroupSpec, SubnetSpec, VpcSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import create_security_group, delete_security_group, set_rules
from apps.network.services.subnet import create_subnet, delete_subnet
from apps.network.services.vpc import create_vpc, delete_vpc
from apps.quotas.models import Quota
from tests.network.factories import make_group, make_machine, make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-2")]

SSH = {"direction": "in", "protocol": "ssh", "address": "::/0"}


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing catches it, nothing is cleaned up."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    return fresh


def ask_vpc(actor: Actor, project: Project, region: Region) -> Operation:
    return create_vpc(actor, name="v", cidr="10.0.0.0/16")


def ask_subnet(actor: Actor, project: Project, region: Region) -> Operation:
    return create_subnet(actor, vpc=make_vpc(project, region).pk, name="s", cidr="10.0.1.0/24")


def ask_group(actor: Actor, project: Project, region: Region) -> Operation:
    return create_security_group(actor, name="g", rules=[SSH])


def ask_rules(actor: Actor, project: Project, region: Region) -> Operation:
    return set_rules(actor, make_group(project, region), rules=[SSH])


def ask_binding(actor: Actor, project: Project, region: Region) -> Operation:
    machine = make_machine(project, region)
    allocate_nic(make_subnet(make_vpc(project, region)), machine)
    return set_security_group(actor, machine, security_group=make_group(project, region).pk)


def ask_vpc_gone(actor: Actor, project: Project, region: Region) -> Operation:
    return delete_vpc(actor, make_vpc(project, region))


def ask_subnet_gone(actor: Actor, project: Project, region: Region) -> Operation:
    return delete_subnet(actor, make_subnet(make_vpc(project, region)))


def ask_group_gone(actor: Actor, project: Project, region: Region) -> Operation:
    return delete_security_group(actor, make_group(project, region, SSH))


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    "ask",
    [
        ask_vpc,
        ask_subnet,
        ask_group,
        ask_rules,
        ask_binding,
        ask_vpc_gone,
        ask_subnet_gone,
        ask_group_gone,
    ],
)
def test_an_operation_whose_worker_dies_at_its_driver_call_is_finished_by_another(
    world: World,
    owner: Actor,
    tenant_a: Tenant,
    project_a: Project,
    region: Region,
    ask: Callable[[Actor, Project, Region], Operation],
    moment: str,
) -> None:
    operation = ask(owner, project_a, region)

    def die(verb: str, when: str) -> None:
        if when == moment:
            raise Killed

    world.on_call = die
    with pytest.raises(Killed):
        execute(operation.pk)
    world.on_call = None
    operation.refresh_from_db()
    assert operation.status == OperationStatus.RUNNING
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))

    assert settle(operation).attempt == 2
    assert_nothing_is_left_over(region, tenant_a)


def assert_nothing_is_left_over(region: Region, tenant: Tenant) -> None:
    """Rows, fabric and quota must tell the same."""
    seen = backends.fabric(region).inventory()
    kinds: dict[str, tuple[Any, dict[str, int]]] = {
        "vpc": (Vpc, seen.of(VpcSpec)),
        "subnet": (Subnet, seen.of(SubnetSpec)),
        "security_group": (SecurityGroup, seen.of(SecurityGroupSpec)),
    }
    for metric, (model, in_fabric) in kinds.items():
        rows = {str(row.pk): row.generation for row in model.objects.all()}
        assert in_fabric == rows
        assert Quota.objects.get(tenant=tenant, metric=metric).used == len(rows)
    assert set(seen.of(PortSpec)) == {str(nic.pk) for nic in Nic.objects.all()}
