"""Subnets with an IPv6 prefix, and the addresses of NICs in them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import Project, Tenant
from apps.drivers.errors import DriverError
from apps.drivers.memory.records import PORTS, SUBNETS
from apps.drivers.specs import PortSpec, SubnetSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import OperationStatus, State
from apps.network.elastic_specs import eni_guest_nic
from apps.network.models import Eni, Nic, Subnet, Vpc
from apps.network.selectors import elastic_nics
from apps.network.services.addresses import allocate_nic, free_nics
from apps.network.services.eni import create_eni
from apps.network.services.subnet import add_ipv6, create_subnet, retry_subnet
from apps.network.specs import port_spec, subnet_spec
from apps.quotas.models import Quota
from tests.network.external import INTERNET6, make_segment
from tests.network.factories import make_machine, make_subnet, make_vpc, settle

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VP-2")]

PREFIX = "fd12:3456:789a:1::/64"


def in_fabric(kind: Any, row: Any) -> Any:
    with backends.memory_world().call("test") as state:
        return state.get(kind, str(row.pk))


def test_a_subnet_is_made_with_an_ipv6_prefix_and_its_gateway(owner: Actor, vpc: Vpc) -> None:
    operation = create_subnet(owner, vpc=vpc.pk, name="db", cidr="10.0.8.0/24", cidr6=PREFIX)
    settle(operation)
    subnet = Subnet.objects.get(pk=operation.target_id)
    assert (str(subnet.cidr6), str(subnet.gateway6)) == (PREFIX, "fd12:3456:789a:1::1")
    assert operation.args["cidr6"] == PREFIX
    spec: SubnetSpec = in_fabric(SUBNETS, subnet)
    assert (spec.cidr6, spec.gateway6) == (PREFIX, "fd12:3456:789a:1::1")


def test_automatic_prefixes_are_unique_local_and_each_is_another(owner: Actor, vpc: Vpc) -> None:
    made = [make_subnet(vpc, f"10.0.{number}.0/24", "auto") for number in (1, 2)]
    assert len({subnet.cidr6 for subnet in made}) == 2
    assert all(str(subnet.cidr6).startswith("fd") and subnet.cidr6.prefixlen == 64 for subnet in made)
    assert len({subnet.cidr6.supernet(new_prefix=48) for subnet in made}) == 1


@pytest.mark.parametrize(
    ("cidr6", "why"),
    [
        (PREFIX, r"Overlaps subnet subnet-\d+ \(fd12:3456:789a:1::/64\)"),
        ("2001:db8:101::/64", r"Overlaps external segment segment-\d+ \(2001:db8:101::/64\)"),
        ("fe80::/64", "cannot be used in a VPC"),
    ],
)
@pytest.mark.usefixtures("host")
def test_a_prefix_that_cannot_be_is_refused_at_its_field_and_nothing_is_made(
    owner: Actor, vpc: Vpc, region: Region, tenant_a: Tenant, cidr6: str, why: str
) -> None:
    make_subnet(vpc, "10.0.3.0/24", PREFIX)
    make_segment(region, INTERNET6)
    with pytest.raises(Invalid) as refusal:
        create_subnet(owner, vpc=vpc.pk, name="db", cidr="10.0.4.0/24", cidr6=cidr6)
    assert list(refusal.value.fields) == ["cidr6"]
    assert re.search(why, refusal.value.fields["cidr6"][0])
    assert Subnet.objects.count() == 1
    assert Quota.objects.get(tenant=tenant_a, metric="subnet").used == 1


@pytest.mark.requirement("EI-1")
@pytest.mark.usefixtures("host")
def test_a_prefix_that_overlaps_a_segment_of_others_is_refused_without_naming_it(
    owner: Actor, vpc: Vpc, region: Region, tenant_b: Tenant
) -> None:
    make_segment(region, INTERNET6, name="secret", open_to_all=False, tenants=[tenant_b])
    with pytest.raises(Invalid) as refusal:
        create_subnet(owner, vpc=vpc.pk, name="db", cidr="10.0.4.0/24", cidr6="2001:db8:101::/64")
    assert refusal.value.fields == {"cidr6": ["Overlaps a network of the platform. Choose another one."]}


@pytest.mark.requirement("VP-3")
def test_two_vpcs_may_have_the_same_prefix_and_one_may_not(project_a: Project, region: Region) -> None:
    subnets = [make_subnet(make_vpc(project_a, region), cidr6=PREFIX) for _ in range(2)]
    assert {str(subnet.cidr6) for subnet in subnets} == {PREFIX}
    twin = make_subnet(subnets[0].vpc, "10.0.2.0/24")
    with pytest.raises(IntegrityError, match="ipv6_prefixes_of_a_vpc"), transaction.atomic():
        Subnet.objects.filter(pk=twin.pk).update(cidr6=PREFIX, gateway6="fd12:3456:789a:1::1")


@pytest.mark.usefixtures("host")
def test_a_segment_does_not_overlap_a_prefix_of_a_subnet(vpc: Vpc, region: Region) -> None:
    subnet = make_subnet(vpc, cidr6="2001:db8:101::/64")
    with pytest.raises(Invalid, match=f"Overlaps subnet {subnet.name}"):
        make_segment(region, INTERNET6)


def test_nics_get_an_ipv6_address_with_the_number_of_the_other_one(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    subnet = make_subnet(vpc, cidr6=PREFIX)
    first, second = (make_machine(project_a, region) for _ in range(2))
    nics = [allocate_nic(subnet, each) for each in (first, second)]
    assert [nic.ips for nic in nics] == [
        ["10.0.1.2", "fd12:3456:789a:1::2"],
        ["10.0.1.3", "fd12:3456:789a:1::3"],
    ]
    spec = port_spec(Nic.objects.get(owner=first), generation=1)
    assert spec.ip6 == "fd12:3456:789a:1::2"
    free_nics(first)
    third = allocate_nic(subnet, make_machine(project_a, region))
    assert third.ips[1] == "fd12:3456:789a:1::4"  # as its IPv4 address, one that was freed waits


@pytest.mark.requirement("EN-4")
def test_an_elastic_nic_has_a_chosen_ipv6_address_for_its_whole_life(owner: Actor, vpc: Vpc) -> None:
    subnet = make_subnet(vpc, cidr6=PREFIX)

    def made(**values: Any) -> Eni:
        return Eni.objects.get(pk=settle(create_eni(owner, name="nic", subnet=subnet.pk, **values)).target_id)

    assert made().addresses == ["10.0.1.2", "fd12:3456:789a:1::2"]
    chosen = made(address6="fd12:3456:789a:1::cafe")
    assert chosen.addresses == ["10.0.1.3", "fd12:3456:789a:1::cafe"]
    assert in_fabric(PORTS, chosen.nic).ip6 == "fd12:3456:789a:1::cafe"
    own = made(address="10.0.1.9", address6="fd12:3456:789a:1::9")
    assert own.addresses == ["10.0.1.9", "fd12:3456:789a:1::9"]
    with pytest.raises(Refused) as taken:
        made(address6="fd12:3456:789a:1:0::CAFE")
    assert (taken.value.code, taken.value.field) == ("address.taken", "address6")
    assert "fd12:3456:789a:1::cafe is already in use" in taken.value.message


@pytest.mark.parametrize(
    ("cidr6", "address6", "why"),
    [
        ("", "fd12:3456:789a:1::cafe", "has no IPv6 prefix"),
        (PREFIX, "10.0.1.7", "Not an IPv6 address"),
        (PREFIX, "fe80::1%eth0", "Not an IPv6 address"),
        (PREFIX, "fd12:3456:789a:2::cafe", "Choose an address from fd12:3456:789a:1::100"),
        (PREFIX, "fd12:3456:789a:1::", "Choose an address"),
        (PREFIX, "fd12:3456:789a:1::1", "Choose an address"),
        (PREFIX, "fd12:3456:789a:1::7", "Lower ones are assigned automatically"),
        (PREFIX, "fd12:3456:789a:1:fdff:ffff:ffff:ff7f", ""),
        (PREFIX, "fd12:3456:789a:1:fdff:ffff:ffff:ff80", "Choose an address"),
    ],
)
def test_an_ipv6_address_that_cannot_be_is_refused_at_its_field(
    owner: Actor, vpc: Vpc, cidr6: str, address6: str, why: str
) -> None:
    subnet = make_subnet(vpc, cidr6=cidr6)
    if not why:
        create_eni(owner, name="nic", subnet=subnet.pk, address6=address6)
        return
    with pytest.raises(Invalid) as refusal:
        create_eni(owner, name="nic", subnet=subnet.pk, address6=address6)
    assert list(refusal.value.fields) == ["address6"] and why in refusal.value.fields["address6"][0]
    assert not Nic.objects.exists() and not Eni.objects.exists()


@pytest.mark.usefixtures("host")
def test_an_external_elastic_nic_has_no_second_address(owner: Actor, region: Region) -> None:
    segment = make_segment(region)
    with pytest.raises(Invalid, match="Only in a subnet") as refusal:
        create_eni(owner, name="nic", segment=segment.pk, address6="fd12::5")
    assert list(refusal.value.fields) == ["address6"]


def test_a_subnet_gets_its_prefix_later_and_nics_in_it_keep_ipv4_only(
    owner: Actor, subnet: Subnet, project_a: Project, region: Region
) -> None:
    before = allocate_nic(subnet, make_machine(project_a, region))
    settle(add_ipv6(owner, subnet, cidr6=" AUTO "))
    subnet = Subnet.objects.get(pk=subnet.pk)
    spec: SubnetSpec = in_fabric(SUBNETS, subnet)
    assert subnet.cidr6 is not None and spec.cidr6 == str(subnet.cidr6)
    assert (spec.generation, subnet.observed_generation) == (subnet.generation, subnet.generation)
    after = allocate_nic(subnet, make_machine(project_a, region))
    assert after.ips == ["10.0.1.3", str(subnet.cidr6[3])]
    before.refresh_from_db()
    assert before.ip6 is None
    with pytest.raises(NotNow, match="already has an IPv6 prefix"):
        add_ipv6(owner, subnet, cidr6="auto")


def test_an_empty_prefix_is_refused_at_its_field(owner: Actor, subnet: Subnet) -> None:
    with pytest.raises(Invalid) as refusal:
        add_ipv6(owner, subnet, cidr6="  ")
    assert list(refusal.value.fields) == ["cidr6"]


def test_a_prefix_that_could_not_be_applied_is_applied_by_a_retry(owner: Actor, subnet: Subnet) -> None:
    with pytest.raises(NotNow):
        retry_subnet(owner, subnet)
    backends.memory_world().fail("fabric.ensure_subnet", DriverError("No.", code="t.refused", permanent=True))
    operation = add_ipv6(owner, subnet, cidr6=PREFIX)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    subnet = Subnet.objects.get(pk=subnet.pk)
    assert (subnet.state, str(subnet.cidr6)) == (State.READY, PREFIX)
    settle(retry_subnet(owner, subnet))
    assert in_fabric(SUBNETS, subnet).cidr6 == PREFIX


def test_the_fabric_is_given_what_it_had_before_where_there_is_no_prefix(
    subnet: Subnet, project_a: Project, region: Region
) -> None:
    spec = subnet_spec(subnet)
    assert spec == replace(spec, cidr6="", gateway6="")
    nic = allocate_nic(subnet, make_machine(project_a, region))
    port: PortSpec = port_spec(nic, generation=1)
    assert (nic.ip6, port.ip6) == (None, "")


@pytest.mark.requirement("EN-1")
def test_a_guest_reaches_another_vpc_by_ipv6_unless_its_own_has_the_same_prefix(
    owner: Actor, project_a: Project, region: Region
) -> None:
    home, other = (make_vpc(project_a, region, cidr) for cidr in ("10.0.0.0/16", "172.16.0.0/16"))
    make_subnet(home, cidr6=PREFIX)
    same, free = make_subnet(other, "172.16.1.0/24", PREFIX), make_subnet(other, "172.16.2.0/24", "auto")
    eni = elastic_nics().get(pk=settle(create_eni(owner, name="nic", subnet=same.pk)).target_id)
    addresses = eni_guest_nic(eni, home).addresses
    assert [address.address for address in addresses] == ["172.16.1.2/24", "fd12:3456:789a:1::2/64"]
    assert [address.routes for address in addresses] == [("172.16.0.0/16",), (str(free.cidr6),)]
    assert [address.routes for address in eni_guest_nic(eni, other).addresses] == [(), ()]
