"""Which address a NIC gets."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import Project
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import Resource, State
from apps.network.models import Nic, Subnet, Vpc
from apps.network.services.addresses import allocate_nic, free_nics
from apps.network.services.security_group import delete_security_group
from apps.network.services.subnet import delete_subnet
from tests.network.factories import make_group, make_machine, make_subnet

pytestmark = pytest.mark.django_db


@pytest.fixture
def machine(project_a: Project, region: Region) -> Resource:
    return make_machine(project_a, region)


def fill(subnet: Subnet, project: Project, region: Region, count: int) -> list[Nic]:
    return [allocate_nic(subnet, make_machine(project, region)) for _ in range(count)]


def addresses(nics: list[Nic]) -> list[str]:
    return [str(nic.ip) for nic in nics]


@pytest.mark.requirement("VP-2")
def test_addresses_are_given_out_one_after_the_other_behind_the_gateway(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    subnet = make_subnet(vpc, "10.0.1.0/29")
    assert addresses(fill(subnet, project_a, region, 5)) == [f"10.0.1.{n}" for n in range(2, 7)]


@pytest.mark.requirement("VP-2")
def test_a_full_subnet_says_so(vpc: Vpc, project_a: Project, region: Region, machine: Resource) -> None:
    subnet = make_subnet(vpc, "10.0.1.0/29")
    fill(subnet, project_a, region, 5)
    with pytest.raises(Refused) as refusal:
        allocate_nic(subnet, machine)
    assert refusal.value.code == "subnet.full"


def test_a_freed_address_is_given_out_again_but_not_at_once(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    subnet = make_subnet(vpc, "10.0.1.0/29")
    nics = fill(subnet, project_a, region, 3)
    free_nics(nics[0].owner)
    assert addresses(fill(subnet, project_a, region, 3)) == ["10.0.1.5", "10.0.1.6", "10.0.1.2"]


def test_gaps_are_filled_behind_the_last_address_and_then_from_the_start(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    subnet = make_subnet(vpc, "10.0.1.0/28")
    nics = fill(subnet, project_a, region, 13)
    for position in (3, 4, 8):
        free_nics(nics[position].owner)
    assert addresses(fill(subnet, project_a, region, 3)) == ["10.0.1.5", "10.0.1.6", "10.0.1.10"]


def test_an_address_can_be_chosen_and_is_then_passed_over(
    subnet: Subnet, project_a: Project, region: Region, machine: Resource
) -> None:
    assert str(allocate_nic(subnet, machine, address="10.0.1.3").ip) == "10.0.1.3"
    assert addresses(fill(subnet, project_a, region, 2)) == ["10.0.1.2", "10.0.1.4"]


def test_a_chosen_address_in_use_is_refused_and_the_transaction_goes_on(
    subnet: Subnet, project_a: Project, region: Region, machine: Resource
) -> None:
    fill(subnet, project_a, region, 1)
    with pytest.raises(Refused) as refusal:
        allocate_nic(subnet, machine, address="10.0.1.2")
    assert (refusal.value.code, refusal.value.field) == ("address.taken", "address")
    assert str(allocate_nic(subnet, machine).ip) == "10.0.1.3"


@pytest.mark.parametrize("address", ["10.0.1.0", "10.0.1.1", "10.0.1.255", "10.0.2.9", "::1", "x"])
def test_a_chosen_address_must_be_one_machines_can_have(
    subnet: Subnet, machine: Resource, address: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        allocate_nic(subnet, machine, address=address)
    assert list(refusal.value.fields) == ["address"]


@pytest.mark.requirement("NI-1")
def test_macs_are_unique_and_locally_administered(
    subnet: Subnet, vpc: Vpc, project_a: Project, region: Region
) -> None:
    macs = {nic.mac for nic in fill(subnet, project_a, region, 10)}
    macs |= {subnet.gateway_mac, make_subnet(vpc, "10.0.9.0/24").gateway_mac}
    assert len(macs) == 12
    assert all(re.fullmatch(r"02(:[0-9a-f]{2}){5}", mac) for mac in macs)


def test_no_address_is_given_out_in_a_subnet_being_deleted(
    owner: Actor, subnet: Subnet, machine: Resource
) -> None:
    delete_subnet(owner, subnet)
    with pytest.raises(NotNow, match="being deleted"):
        allocate_nic(subnet, machine)


def test_no_group_being_deleted_is_bound(
    owner: Actor, subnet: Subnet, project_a: Project, region: Region, machine: Resource
) -> None:
    group = make_group(project_a, region)
    delete_security_group(owner, group)
    with pytest.raises(NotNow, match="being deleted"):
        allocate_nic(subnet, machine, security_group=group)


def test_no_address_is_given_out_in_a_subnet_that_is_not_there_yet(subnet: Subnet, machine: Resource) -> None:
    Resource.objects.filter(pk=subnet.pk).update(state=State.PENDING)
    with pytest.raises(NotNow, match="not created yet"):
        allocate_nic(subnet, machine)


def test_an_allocation_takes_four_statements_however_full_the_subnet_is(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    subnet = make_subnet(vpc, "10.0.0.0/18")
    machines = [
        Resource(kind="vm", name=f"m{n}", tenant=project_a.tenant, region=region, state=State.READY)
        for n in range(4001)
    ]
    Resource.objects.bulk_create(machines)
    Nic.objects.bulk_create(
        Nic(owner=machine, subnet=subnet, ip=subnet.cidr.network_address + 2 + n)
        for n, machine in enumerate(machines[:4000])
    )
    with CaptureQueriesContext(
        connection,
    ) as queries:
        nic = allocate_nic(subnet, machines[4000])
    assert nic.ip == subnet.cidr.network_address + 4002
    assert len(queries) == 4
