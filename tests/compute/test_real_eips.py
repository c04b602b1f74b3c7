"""EIPs and elastic NICs of real VMs: both networks at once, moves between VMs that run, and what outlives its VM."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from onebox.shell import wait_until

from apps.compute.models import Vm
from apps.drivers.specs import PortSpec
from apps.network.elastic_specs import eni_port_spec
from apps.network.models import Eip, Eni, Subnet, Vpc
from tests.compute.outside_lab import (
    DATACENTRE4,
    DATACENTRE6,
    INTERNET4,
    INTERNET6,
    PAGES,
    Outside,
    elsewhere,
    lab,
    longest_gap,
    outside,
    page,
)
from tests.drivers.guests import Guest
from tests.drivers.netns import PluggedIn, netns_guest
from tests.network.edge_site import answers, namespace_of

__all__ = ["lab", "outside"]

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(400),
    pytest.mark.campaign("guests on real hosts", ("apps/network/operations/", "apps/drivers/ovn/"), share=2),
]

Note = Callable[[str, object], None]
#: A move is announced by the network within about a second; the machine may be busy.
LONGEST_GAP = 10.0


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    """Keep a figure in the report of the run."""
    return lambda what, value: request.node.user_properties.append((what, value))


@pytest.mark.requirement("EI-1", "EI-2", "EI-3", "EI-4", "NI-1", "NI-4", "VM-1")
def test_one_vm_has_addresses_of_both_networks_and_replies_by_the_one_it_was_asked_by(
    outside: Outside, note: Note
) -> None:
    guest = outside.guests[0]
    for segment, eip in outside.eips.items():
        began = time.monotonic()
        accepted = outside.bind(eip, guest)
        outside.wait_answers(segment)
        note(f"seconds from bind to the first answer, {segment}", round(time.monotonic() - began, 2))
        outside.see_done(accepted)
    for segment in outside.eips:
        outside.wait_page(guest, segment)

    # From where no route of the guest leads to: it is answered by the network that the question came in by.
    asked = {DATACENTRE4: "198.18.0.1", DATACENTRE6: "2001:db8:fffd::1"}
    for segment, address in asked.items():
        with elsewhere(outside, segment, address):
            assert answers(outside.gateway(segment), outside.eips[segment].address, address)
    for segment in (INTERNET4, INTERNET6):
        assert answers(outside.gateway(segment), outside.eips[segment].address, PAGES[segment])


@pytest.mark.requirement("EI-3", "NI-1")
def test_a_guest_is_reached_and_leaves_by_an_address_that_it_does_not_have(outside: Outside) -> None:
    guest, eip = outside.guests[1], outside.eips[INTERNET4]
    outside.see_done(outside.bind(eip, guest, delivery="translated"))
    outside.wait_answers(INTERNET4)
    outside.wait_page(guest, INTERNET4)
    assert eip.address not in guest.output("ip addr")
    outside.see_done(outside.bind(eip, guest, delivery="guest"))
    outside.wait_answers(INTERNET4)
    outside.wait_page(guest, INTERNET4)
    assert f" {eip.address}/32" in guest.output("ip addr")


@pytest.mark.requirement("EN-1", "EN-2", "EN-4")
def test_an_external_nic_moves_between_running_vms_under_traffic(outside: Outside, note: Note) -> None:
    outside.change("POST", "/enis", {"name": "moved", "segment": outside.segments[DATACENTRE4]})
    eni = Eni.objects.get(name="moved")
    first, second = outside.guests

    def bind(guest_number: int) -> None:
        outside.change("POST", f"/enis/{eni.pk}/bind", {"vm": outside.guests[guest_number].vm_id})

    bind(0)
    outside.wait_answers(DATACENTRE4, eni.address)

    def has_it() -> None:
        outside.wait_answers(DATACENTRE4, eni.address)
        assert f" {eni.address}/32" in second.output("ip addr")

    gap = outside.gap(DATACENTRE4, eni.address, lambda: bind(1), has_it)
    note("seconds without an answer while an external elastic NIC is moved", gap)
    assert gap < LONGEST_GAP
    assert eni.address not in first.output("ip addr")
    outside.wait_page(second, DATACENTRE4, eni.address)
    outside.change("POST", f"/enis/{eni.pk}/unbind")
    assert not answers(outside.gateway(DATACENTRE4), eni.address)


@pytest.mark.requirement("EN-1", "EN-2", "VM-11")
def test_an_internal_nic_of_another_vpc_moves_between_running_vms_under_traffic(
    outside: Outside, note: Note
) -> None:
    outside.change("POST", "/vpcs", {"name": "beside", "cidr": "172.16.0.0/16"})
    vpc = Vpc.objects.get(name="beside")
    outside.change("POST", "/subnets", {"name": "beside", "vpc": str(vpc.pk), "cidr": "172.16.1.0/24"})
    subnet = Subnet.objects.get(vpc=vpc)
    for name in ("roams", "pings"):
        outside.change("POST", "/enis", {"name": name, "subnet": str(subnet.pk)})
    roams, pings = (Eni.objects.get(name=name) for name in ("roams", "pings"))
    first, second = outside.guests

    def bind(guest: Guest) -> None:
        outside.change("POST", f"/enis/{roams.pk}/bind", {"vm": guest.vm_id})

    def reached(neighbour: PluggedIn[PortSpec]) -> None:
        wait_until(
            lambda: "1 received" in neighbour.exec("ping", "-c1", "-W1", roams.address, check=False),
            f"{roams.address} to answer in its VPC",
            seconds=60,
        )

    def has_it(neighbour: PluggedIn[PortSpec]) -> None:
        reached(neighbour)
        wait_until(
            lambda: f" {roams.address}/" in second.output("ip addr"),
            "the second guest to have it",
            seconds=30,
        )

    port = eni_port_spec(pings)
    assert isinstance(port, PortSpec)
    with netns_guest(outside.site.box.hosts[0], port, str(subnet.gateway)) as neighbour:
        bind(first)
        reached(neighbour)
        gap = longest_gap(
            namespace_of(neighbour), roams.address, lambda: bind(second), lambda: has_it(neighbour)
        )
        note("seconds without an answer while an internal elastic NIC is moved", gap)
        assert gap < LONGEST_GAP
        assert f" {roams.address}/" not in first.output("ip addr")
    outside.change("POST", f"/enis/{roams.pk}/unbind")


@pytest.mark.requirement("EI-2", "EI-4", "NI-1", "VM-10")
def test_an_eip_is_moved_under_traffic_and_outlives_its_vm(outside: Outside, note: Note) -> None:
    first, second = outside.guests
    public, inside = outside.eips[INTERNET4], outside.eips[DATACENTRE4]
    for eip in (public, inside):
        outside.see_done(outside.bind(eip, first))
    outside.wait_answers(INTERNET4)
    outside.wait_page(first, DATACENTRE4)
    outside.wait_page(first, INTERNET4)  # still the default egress

    assert page(second, PAGES[INTERNET4]) == ""
    gap = outside.gap(
        INTERNET4,
        public.address,
        lambda: outside.see_done(outside.bind(public, second)),
        lambda: outside.wait_page(second, INTERNET4),
    )
    note("seconds without an answer while an EIP is moved", gap)
    assert gap < LONGEST_GAP
    wait_until(
        lambda: page(first, PAGES[INTERNET4]) == "",
        "the address to be gone from the guest that had it",
        seconds=30,
    )

    # The last test: the VM does not come back.
    outside.customer.api.change("DELETE", f"/vms/{second.vm_id}")
    wait_until(lambda: not Vm.objects.filter(pk=second.vm_id).exists(), "the VM to be deleted", seconds=60)
    left = Eip.objects.get(pk=public.pk)
    assert (left.state, left.carrier_id) == ("ready", None)
    assert not answers(outside.gateway(INTERNET4), public.address)
