"""Addresses and blocks under every order of comings and goings."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from django.db import transaction
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import InUse, Invalid, Refused
from apps.network.models import Nic, Subnet
from apps.network.selectors import with_free_addresses
from apps.network.services.addresses import allocate_nic, free_nics
from apps.network.services.subnet import create_subnet, delete_subnet
from tests import factories
from tests.machines import play
from tests.network.factories import make_machine, make_vpc, settle

#: A VPC of this block has room for a few subnets of eight and sixteen addresses.
BLOCK = IPv4Network("10.0.0.0/26")
blocks = some.builds(
    lambda place, prefix: IPv4Network((int(BLOCK[place]), prefix), strict=False),
    some.integers(0, 63),
    some.sampled_from([28, 29, 29]),
)
which = some.integers(0, 20)


class Addresses(RuleBasedStateMachine):
    """One VPC; `subnets` are its blocks, `held` the NICs that exist, with the address each got."""

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        self.region = factories.make_region()
        self.project = factories.default_project(factories.make_tenant(subnet=1000))
        self.vpc = make_vpc(self.project, self.region, str(BLOCK))
        self.subnets: list[Subnet] = []
        self.held: list[Nic] = []
        self.add_subnet(IPv4Network("10.0.0.0/29"))

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    def taken(self, subnet: Subnet) -> set[IPv4Address]:
        return {IPv4Address(nic.ip) for nic in self.held if nic.subnet_id == subnet.pk}

    @rule(block=blocks)
    def add_subnet(self, block: IPv4Network) -> None:
        free = not any(block.overlaps(subnet.cidr) for subnet in self.subnets)
        try:
            with transaction.atomic():
                operation = create_subnet(SYSTEM, vpc=self.vpc.pk, name="s", cidr=str(block))
        except Invalid as refusal:
            assert not free and list(refusal.fields) == ["cidr"]
            return
        assert free
        self.subnets.append(Subnet.objects.get(pk=settle(operation).target_id))

    @precondition(lambda self: self.subnets)
    @rule(which=which)
    def delete_subnet(self, which: int) -> None:
        subnet = self.subnets[which % len(self.subnets)]
        try:
            with transaction.atomic():
                operation = delete_subnet(SYSTEM, subnet)
        except InUse as refusal:
            assert refusal.details["count"] == len(self.taken(subnet)) > 0
            return
        assert not self.taken(subnet)
        settle(operation)
        self.subnets.remove(subnet)

    @precondition(lambda self: self.subnets)
    @rule(which=which)
    def come(self, which: int) -> None:
        subnet = self.subnets[which % len(self.subnets)]
        full = len(self.taken(subnet)) == subnet.cidr.num_addresses - 3
        try:
            with transaction.atomic():
                nic = allocate_nic(subnet, make_machine(self.project, self.region))
        except Refused as refusal:
            assert full and refusal.code == "subnet.full"
            return
        assert not full
        self._took(subnet, nic)

    @precondition(lambda self: self.subnets)
    @rule(which=which, place=some.integers(-2, 17))
    def come_with_a_wish(self, which: int, place: int) -> None:
        subnet = self.subnets[which % len(self.subnets)]
        wish = subnet.cidr.network_address + place
        possible = wish in subnet.cidr and 2 <= place < subnet.cidr.num_addresses - 1
        try:
            with transaction.atomic():
                nic = allocate_nic(subnet, make_machine(self.project, self.region), address=wish)
        except Refused as refusal:
            assert refusal.code == ("address.taken" if possible else "invalid")
            assert refusal.field == "address"
            assert not possible or wish in self.taken(subnet)
            return
        assert IPv4Address(nic.ip) == wish and possible
        self._took(subnet, nic)

    @precondition(lambda self: self.held)
    @rule(which=which)
    def go(self, which: int) -> None:
        free_nics(self.held.pop(which % len(self.held)).owner)

    @invariant()
    def what_is_free_is_counted_right(self) -> None:
        for subnet in with_free_addresses(Subnet.objects.filter(vpc=self.vpc)):
            assert subnet.free_addresses == subnet.cidr.num_addresses - 3 - len(self.taken(subnet))

    def _took(self, subnet: Subnet, nic: Nic) -> None:
        address = IPv4Address(nic.ip)
        assert address in subnet.cidr and address not in self.taken(subnet)
        assert address not in {
            subnet.cidr.network_address,
            IPv4Address(subnet.gateway),
            subnet.cidr.broadcast_address,
        }
        assert nic.mac not in {other.mac for other in self.held} | {s.gateway_mac for s in self.subnets}
        self.held.append(nic)


@pytest.mark.django_db
@pytest.mark.requirement("VP-2")
@pytest.mark.requirement("NI-1")
def test_whatever_comes_and_goes_no_address_is_given_twice_and_none_is_lost() -> None:
    play(Addresses, examples=12, steps=30)
