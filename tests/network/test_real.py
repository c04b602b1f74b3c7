"""From a service call to packets: operations carried out by the engine, OVN, and namespaces plugged in like VMs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone
from onebox.shell import run, wait_until
from onebox.vm_network import Place, free_address, others, visitor

from apps.accounts.models import Project
from apps.compute.models import Power, Vm
from apps.drivers.protocols import Fabric
from apps.drivers.specs import PortSpec, SecurityGroupSpec, SubnetSpec, VpcSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Resource
from apps.network.models import Nic, Protocol, SecurityGroup, Subnet, Vpc
from apps.network.reachability.answer import check_reachability
from apps.network.reachability.flow import Flow
from apps.network.reachability.steps import Result
from apps.network.services.addresses import allocate_nic
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import set_rules
from apps.network.services.subnet import add_ipv6
from apps.network.specs import port_spec
from tests import factories
from tests.console.factories import make_vm
from tests.drivers.netns import CLIENT, NetnsGuest, netns_guest
from tests.network.factories import make_group, make_machine, make_subnet, make_vpc, settle
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.django_db, pytest.mark.timeout(240)]

ALL_OUT = {"direction": "out", "protocol": "all", "address": "0.0.0.0/0"}
PING_IN = {"direction": "in", "protocol": "ping", "address": "0.0.0.0/0"}
SSH_IN = {"direction": "in", "protocol": "ssh", "address": "0.0.0.0/0"}
WEB_IN = {"direction": "in", "protocol": "http", "address": "0.0.0.0/0"}
ALL_OUT6 = {"direction": "out", "protocol": "all", "address": "::/0"}
PREFIX = "fd12:3456:789a:1::/64"


@dataclass
class Net:
    """A region on the real fabric, and machines plugged into it."""

    region: Region
    project: Project
    box: Onebox
    stack: ExitStack

    @property
    def fabric(self) -> Fabric:
        return backends.fabric(self.region)

    def vpc(self) -> Vpc:
        return make_vpc(self.project, self.region)

    def group(self, *rules: dict[str, Any]) -> SecurityGroup:
        return make_group(self.project, self.region, *rules)

    def dual(self, subnet: Subnet, host: int = 0, group: SecurityGroup | None = None) -> NetnsGuest:
        """Plug in a machine that has its IPv6 address, too, as DHCPv6 offers it."""
        guest = self.machine(subnet, host, group)
        wait_until(lambda: guest.dhcp6_offer() == guest.port.ip6, f"an offer of {guest.port.ip6}", seconds=90)
        guest.exec("ip", "-6", "addr", "add", f"{guest.port.ip6}/64", "dev", "eth0", "nodad")
        guest.exec("ip", "-6", "route", "replace", "default", "via", str(subnet.gateway6), "dev", "eth0")
        return guest

    def machine(self, subnet: Subnet, host: int = 0, group: SecurityGroup | None = None) -> NetnsGuest:
        """Allocate a NIC, make its port as a VM's create operation does, and plug a namespace in."""
        owner = make_machine(self.project, self.region)
        nic = allocate_nic(subnet, owner, security_group=group)
        spec = port_spec(nic, generation=owner.generation)
        self.fabric.ensure(spec)
        self.stack.callback(self.fabric.ensure_absent, PortSpec, spec.id)
        return self.stack.enter_context(netns_guest(self.box.hosts[host], spec, str(subnet.gateway)))


@pytest.fixture
def net(onebox: Onebox, project_a: Project) -> Iterator[Net]:
    region = Region.objects.create(
        name="real", label="Real", fabric_address=onebox.ovn_northbound, open_to_tenants=True
    )
    with ExitStack() as stack:
        made = Net(region, project_a, onebox, stack)
        yield made
    # Machines and ports are gone; the rows vanish with the test's transaction, so what they made goes by hand.
    for kind, rows in (
        (SubnetSpec, Subnet),
        (VpcSpec, Vpc),
        (SecurityGroupSpec, SecurityGroup),
    ):
        for row in rows.objects.all():
            made.fabric.ensure_absent(kind, str(row.pk))


def wait_pings(guest: NetnsGuest, address: str) -> None:
    wait_until(lambda: guest.pings(address), f"answer of {address}", seconds=90)


@pytest.mark.requirement("VP-3")
def test_the_same_block_in_two_vpcs_leads_to_different_machines(net: Net) -> None:
    mine, theirs = make_subnet(net.vpc()), make_subnet(net.vpc())
    a1, a2 = net.machine(mine), net.machine(mine, host=1)
    b1, b2 = net.machine(theirs), net.machine(theirs, host=1)
    b3 = net.machine(theirs)
    assert (a1.port.ip, a2.port.ip) == (b1.port.ip, b2.port.ip) == ("10.0.1.2", "10.0.1.3")

    a2.serve("tcp/80")
    a1.wait_reaches("10.0.1.3", "tcp/80")
    wait_pings(b1, "10.0.1.3")
    assert b1.reaches("10.0.1.3", "tcp/80") == []  # b2 answers there, and has no such service
    wait_pings(b1, b3.port.ip)
    assert not a1.pings(b3.port.ip)  # nobody has that address in the first VPC


@pytest.mark.requirement("VP-3")
def test_subnets_of_one_vpc_reach_each_other_across_hosts(net: Net) -> None:
    vpc = net.vpc()
    web = net.machine(make_subnet(vpc, "10.0.1.0/24"))
    db = net.machine(make_subnet(vpc, "10.0.2.0/24"), host=1)
    db.serve("tcp/5432")
    web.wait_reaches(db.port.ip, "tcp/5432")
    assert web.pings("10.0.1.1") and db.pings("10.0.1.1")


@pytest.mark.requirement("SG-2")
def test_a_visitor_of_a_subnet_passes_where_the_group_lets_it_and_leaves_nothing(net: Net) -> None:
    """What `onebox ssh` connects through."""
    subnet = make_subnet(net.vpc())
    open_, closed = (
        net.machine(subnet, 1, net.group(SSH_IN, ALL_OUT)),
        net.machine(subnet, 0, net.group(ALL_OUT)),
    )
    for guest in (open_, closed):
        guest.serve("tcp/22")
    taken = {open_.port.ip, closed.port.ip}
    place = Place(str(subnet.pk), free_address(subnet.cidr, taken), subnet.cidr.prefixlen)
    with visitor(net.box.instance, place) as inside:

        def answers(address: str) -> bool:
            asked = [*inside, sys.executable, "-c", CLIENT, address, "tcp/22"]
            return "true" in run(asked, timeout=20).stdout

        wait_until(lambda: answers(open_.port.ip), "an answer through the group", seconds=90)
        assert not answers(closed.port.ip)
        assert others(net.box.instance) == {place.address}
    assert others(net.box.instance) == set()
    assert "visit" not in net.box.hosts[0].exec("ovs-vsctl", "list-ports", "br-int")


@pytest.mark.requirement("VP-2")
@pytest.mark.requirement("NI-2")
def test_dhcp_offers_the_address_that_was_allocated(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    guests = [net.machine(subnet), net.machine(subnet, host=1, group=net.group())]
    for guest in guests:  # also behind a group that lets nothing through
        wait_until(lambda g=guest: g.dhcp_offer() == g.port.ip, f"an offer of {guest.port.ip}", seconds=90)  # type: ignore[misc]


@pytest.mark.requirement("VP-2")
@pytest.mark.requirement("SG-2")
def test_machines_reach_each_other_by_the_ipv6_addresses_that_were_handed_out(net: Net) -> None:
    vpc = net.vpc()
    web, db = make_subnet(vpc, "10.0.1.0/24", "auto"), make_subnet(vpc, "10.0.2.0/24", PREFIX)
    near = str(web.cidr6)
    open_, closed = (
        net.group(ALL_OUT6, rule)
        for rule in (
            {"direction": "in", "protocol": "icmpv6", "address": near},
            {"direction": "in", "protocol": "icmpv6", "address": PREFIX},
        )
    )
    asker, allowed = net.dual(web, 0, open_), net.dual(web, 1, open_)
    blocked, beyond = net.dual(web, 1, closed), net.dual(db, 1, open_)
    Resource.objects.update(observed_generation=F("generation"))
    for guest in (allowed, beyond):
        wait_pings(asker, guest.port.ip6)
    assert not asker.pings(blocked.port.ip6)
    for guest in (allowed, beyond, blocked):
        answer = check_reachability(SYSTEM, asker.port.ip6, guest.port.ip6, Flow(Protocol.ICMPV6))
        assert (answer.result == Result.OK) == (guest is not blocked), [step.text for step in answer.steps]
    # The same prefix in another VPC is another network.
    stranger = net.dual(make_subnet(net.vpc(), "10.0.2.0/24", PREFIX))
    assert stranger.port.ip6 == beyond.port.ip6
    assert stranger.pings("fd12:3456:789a:1::1") and not stranger.pings(asker.port.ip6)


@pytest.mark.requirement("VP-2")
def test_a_subnet_that_gets_ipv6_later_hands_it_out(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    before = net.machine(subnet)
    settle(add_ipv6(SYSTEM, subnet, cidr6=PREFIX))
    later = net.dual(Subnet.objects.get(pk=subnet.pk), 1)
    assert before.dhcp6_offer() == ""
    wait_pings(later, "fd12:3456:789a:1::1")
    wait_pings(before, later.port.ip)


@pytest.mark.requirement("NI-2")
def test_an_address_changed_by_hand_carries_no_traffic(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    honest, sly = net.machine(subnet), net.machine(subnet, host=1)
    wait_pings(sly, honest.port.ip)
    sly.exec("ip", "addr", "flush", "dev", "eth0")
    sly.exec("ip", "addr", "add", "10.0.1.77/24", "dev", "eth0")
    assert not sly.pings(honest.port.ip)
    sly.exec("ip", "addr", "flush", "dev", "eth0")
    sly.exec("ip", "addr", "add", f"{sly.port.ip}/24", "dev", "eth0")
    wait_pings(sly, honest.port.ip)


@pytest.mark.requirement("SG-3")
@pytest.mark.requirement("SG-4")
def test_changed_rules_act_at_once_and_replies_pass(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    group = net.group(WEB_IN)
    client, server = net.machine(subnet), net.machine(subnet, host=1, group=group)
    server.serve("tcp/80", "tcp/81")
    client.serve("tcp/80")
    client.wait_reaches(server.port.ip, "tcp/80")  # the reply leaves although nothing may go out
    assert client.reaches(server.port.ip, "tcp/81") == []
    assert server.reaches(client.port.ip, "tcp/80") == []

    settle(set_rules(SYSTEM, group, rules=[PING_IN, ALL_OUT]))
    server.wait_reaches(client.port.ip, "tcp/80")
    assert client.reaches(server.port.ip, "tcp/80", "tcp/81") == []
    wait_pings(client, server.port.ip)


@pytest.mark.requirement("NI-3")
def test_a_machine_is_bound_to_another_group_while_it_runs(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    closed, open_ = net.group(), net.group(PING_IN)
    client, server = net.machine(subnet), net.machine(subnet, host=1, group=open_)
    owner = Nic.objects.get(pk=server.port.id).owner
    wait_pings(client, server.port.ip)

    settle(set_security_group(SYSTEM, owner, security_group=closed.pk))
    wait_until(lambda: not client.pings(server.port.ip), "the closed group", seconds=90)
    settle(set_security_group(SYSTEM, owner, security_group=open_.pk))
    wait_pings(client, server.port.ip)


@pytest.mark.requirement("UX-8")
def test_the_connectivity_check_says_what_real_pings_find(net: Net) -> None:
    subnet = make_subnet(net.vpc())
    open_, closed = net.group(ALL_OUT, PING_IN), net.group(ALL_OUT)
    asker, allowed = net.machine(subnet, group=open_), net.machine(subnet, host=1, group=open_)
    blocked = net.machine(subnet, host=1, group=closed)
    elsewhere = net.machine(make_subnet(net.vpc(), "10.0.2.0/24"), host=1, group=open_)
    Resource.objects.update(observed_generation=F("generation"))
    stopped = allocate_nic(subnet, _stopped_vm(net), security_group=open_)
    # Its port is there, as that of every VM that is off.
    spec = port_spec(stopped, generation=1)
    net.fabric.ensure(spec)
    net.stack.callback(net.fabric.ensure_absent, PortSpec, spec.id)

    wait_pings(asker, allowed.port.ip)
    found = {
        nic: check_reachability(SYSTEM, asker.port.id, nic, Flow(Protocol.ICMPV4))
        for nic in (allowed.port.id, blocked.port.id, elsewhere.port.id, str(stopped.pk))
    }
    causes = [answer.cause and answer.cause.code for answer in found.values()]
    assert causes == [None, "rules.no_match", "vpc.other", "power.off"]
    for answer in found.values():
        assert (answer.result == Result.OK) == asker.pings(str(answer.path.target.ip)), answer.text


def _stopped_vm(net: Net) -> Vm:
    host = factories.make_host(factories.make_cluster(net.region))
    Host.objects.filter(pk=host.pk).update(last_report_at=timezone.now())
    vm = make_vm(net.project, Host.objects.get(pk=host.pk), power=Power.OFF)
    Resource.objects.filter(pk=vm.pk).update(observed_generation=F("generation"))
    return vm
