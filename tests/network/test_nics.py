"""Binding NICs to security groups."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project
from apps.drivers.specs import PortSpec, SecurityGroupSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound, NotNow, Refused
from apps.lifecycle.models import Resource
from apps.network.models import Nic, Subnet
from apps.network.services.addresses import allocate_nic
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import delete_security_group
from apps.network.specs import port_spec
from tests import factories
from tests.network.factories import make_group, make_machine, settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(project_a: Project, region: Region) -> Resource:
    return make_machine(project_a, region)


@pytest.fixture
def nic(subnet: Subnet, machine: Resource) -> Nic:
    return allocate_nic(subnet, machine)


@pytest.mark.requirement("NI-3")
def test_a_nic_is_bound_to_another_group_and_to_none(
    owner: Actor, machine: Resource, nic: Nic, project_a: Project, region: Region
) -> None:
    group = make_group(project_a, region)
    settle(set_security_group(owner, machine, security_group=group.pk))
    nic.refresh_from_db()
    assert nic.security_group == group
    fabric = backends.fabric(region)
    assert fabric.inventory().of(PortSpec)[str(nic.pk)] == 2
    with pytest.raises(Exception, match="used by ports"):
        fabric.ensure_absent(SecurityGroupSpec, str(group.pk))

    settle(set_security_group(owner, machine, security_group=None))
    settle(delete_security_group(owner, group))


def test_a_machine_without_nics_cannot_be_bound(owner: Actor, machine: Resource) -> None:
    with pytest.raises(NotNow, match="no NIC"):
        set_security_group(owner, machine, security_group=None)


@pytest.mark.requirement("AC-1")
def test_a_group_of_another_tenant_does_not_exist(
    owner: Actor, machine: Resource, nic: Nic, project_b: Project, region: Region
) -> None:
    group = make_group(project_b, region)
    with pytest.raises(NotFound):
        set_security_group(owner, machine, security_group=group.pk)


@pytest.mark.requirement("RG-2")
def test_a_group_of_another_region_is_refused_naming_both(
    owner: Actor, machine: Resource, nic: Nic, project_a: Project
) -> None:
    group = make_group(project_a, factories.make_region("south"))
    with pytest.raises(Refused, match=r"North.*South") as refusal:
        set_security_group(owner, machine, security_group=group.pk)
    assert refusal.value.code == "region.mismatch"


def test_a_port_says_what_its_nic_is(nic: Nic, subnet: Subnet) -> None:
    spec = port_spec(nic, generation=5)
    assert (spec.id, spec.subnet_id, spec.mac, spec.ip) == (str(nic.pk), str(subnet.pk), nic.mac, "10.0.1.2")
    assert spec.security_group_ids == ()
    assert spec.generation == 5
