"""Real guests on two hosts: first boot, network, limits, shutdown."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import pytest
from onebox.outside_networks import DATACENTRE, INTERNET
from onebox.shell import OneboxError, patience

from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.remote import RemoteHost
from apps.drivers.specs import (
    GATEWAY_V4,
    GATEWAY_V6,
    DiskAttachment,
    ExternalPortSpec,
    GuestAddress,
    GuestNetwork,
    GuestNic,
    ImageSpec,
    NicAttachment,
    PoolSpec,
    PortSpec,
    Power,
    SeedSpec,
    SubnetSpec,
    VmSpec,
    VmUsage,
    VpcSpec,
)
from tests.drivers.contracts.hypervisor import wait_until_off
from tests.drivers.guests import Guest
from tests.drivers.netns import netns_guest
from tests.drivers.ovn_tidy import tidy_fabric
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_port, a_subnet, a_vm, a_volume, a_vpc, an_image
from tests.network.edge_site import EdgeSite, edge_site
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

HASH = "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPretendPretendPretendPretendPretendPretend tester"
CPU_PERCENT = 20
DISK_BYTES_PER_SECOND = 2 << 20


@dataclass
class Lab:
    """Two hosts with agents, a pool with the tiny guest's image, and the network."""

    agents: list[RealAgent]
    fabric: OvnFabric
    pool: PoolSpec
    image: ImageSpec
    stack: ExitStack
    edge: EdgeSite
    specs: dict[str, VmSpec] = field(default_factory=dict)

    def start(self, number: int, port: PortSpec, *more: DiskAttachment, **changes: object) -> Guest:
        """Run a VM on host `number`, as a create operation does; `more` are disks beside its system's."""
        agent = self.agents[number]
        vm = replace(a_vm(a_volume(self.pool, self.image), port), **changes)  # type: ignore[arg-type]
        vm = replace(vm, disks=(*vm.disks, *more))
        remote = agent.remote
        for disk in vm.disks:
            self.stack.callback(remote.volumes().ensure_volume_absent, disk.volume)
        self.stack.callback(remote.hypervisor().ensure_vm_absent, vm.id)
        self.fabric.ensure(port)
        self.stack.callback(self.fabric.ensure_absent, PortSpec, port.id)
        for disk in vm.disks:
            remote.volumes().ensure_volume(disk.volume)
        remote.hypervisor().ensure_vm(vm)
        remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
        self.specs[vm.id] = vm
        return Guest(agent.host, vm.id)

    def port(self, subnet: SubnetSpec, host_number: int) -> PortSpec:
        """Make a port that a NIC can be plugged into."""
        port = a_port(subnet, host_number)
        self.fabric.ensure(port)
        self.stack.callback(self.fabric.ensure_absent, PortSpec, port.id)
        return port

    def subnet(self, net: str = "10.0.1") -> SubnetSpec:
        """Make a VPC with one subnet."""
        vpc = a_vpc()
        subnet = a_subnet(vpc, net)
        self.fabric.ensure(vpc)
        self.fabric.ensure(subnet)
        self.stack.callback(self.fabric.ensure_absent, VpcSpec, vpc.id)
        self.stack.callback(self.fabric.ensure_absent, SubnetSpec, subnet.id)
        return subnet


@dataclass
class Guests:
    """`here` and `there` in one VPC on two hosts; `other`, on the first, has the address of `there` in another VPC.

    `there` has a second disk, which is slow.
    """

    here: Guest
    there: Guest
    other: Guest
    there_port: PortSpec


@pytest.fixture(scope="module")
def lab(onebox: Onebox, northbound: str) -> Iterator[Lab]:
    with ExitStack() as stack:
        agents = [stack.enter_context(running_agent(onebox, host)) for host in onebox.hosts]
        pool, folder = stack.enter_context(shared_pool(onebox))
        fabric = OvnFabric(northbound)
        stack.callback(fabric.close)
        image = an_image(pool)
        (folder / "import").mkdir(mode=0o700)
        shutil.copy(onebox.guest_image, folder / "import/upload.qcow2")
        agents[0].remote.volumes().ensure_image(image, f"{pool.path}/import/upload.qcow2")
        tidy = stack.enter_context(tidy_fabric(northbound))
        edge = stack.enter_context(edge_site(onebox, tidy))
        yield Lab(agents, fabric, pool, image, stack, edge)


@pytest.fixture(scope="module")
def guests(lab: Lab) -> Guests:
    one, other = lab.subnet(), lab.subnet()
    seed = SeedSpec(
        hostname="first", password_hash=HASH, ssh_keys=(KEY,), user_data="#!/bin/sh\ntouch /root/ran\n"
    )
    there_port = a_port(one, 12)
    slow_disk = DiskAttachment(a_volume(lab.pool), bytes_per_second=DISK_BYTES_PER_SECOND, slot=1)
    found = Guests(
        here=lab.start(0, a_port(one, 11), seed=seed),
        there=lab.start(1, there_port, slow_disk),
        other=lab.start(0, a_port(other, 12)),
        there_port=there_port,
    )
    for guest in (found.here, found.there, found.other):
        guest.wait_booted()
    found.here.wait_for_address("10.0.1.11")
    found.there.wait_for_address("10.0.1.12")
    found.other.wait_for_address("10.0.1.12")
    return found


@pytest.mark.requirement("VM-1")
def test_first_boot_data_reaches_the_guest(guests: Guests) -> None:
    here = guests.here
    assert here.output("hostname").strip() == "first"
    assert HASH in here.output("cat /etc/shadow")
    assert KEY.split()[1] in here.output("cat /root/.ssh/authorized_keys")
    here.output("until [ -e /root/ran ]; do usleep 200000; done")


@pytest.mark.requirement("NI-2")
def test_dhcp_gives_address_gateway_names_and_mtu(guests: Guests) -> None:
    here = guests.here
    # The address, which was waited for, comes first of what a lease gives.
    here.output("until ip route | grep -q 'default via 10.0.1.1 '; do usleep 200000; done")
    here.output("until [ -s /etc/resolv.conf ]; do usleep 200000; done")
    assert "nameserver 9.9.9.9" in here.output("cat /etc/resolv.conf")
    assert "mtu 1442" in here.output("ip link show dev eth0")


@pytest.mark.requirement("VP-3")
def test_guests_of_one_vpc_reach_each_other_across_hosts(guests: Guests) -> None:
    assert guests.here.pings("10.0.1.12")
    assert guests.there.pings("10.0.1.11")


@pytest.mark.requirement("VP-3")
def test_the_same_addresses_in_another_vpc_are_another_network(guests: Guests) -> None:
    before = echoes(guests.other)
    assert guests.here.pings("10.0.1.12", count=5)
    assert echoes(guests.other) == before
    assert not guests.other.pings("10.0.1.11")


@pytest.mark.requirement("NI-2")
def test_an_address_changed_inside_the_guest_carries_no_traffic(guests: Guests) -> None:
    guests.there.output("ip addr add 10.0.1.77/24 dev eth0")
    assert not guests.here.pings("10.0.1.77")
    assert guests.there.run("ping -c 3 -W 2 -I 10.0.1.77 10.0.1.11")[0] != 0
    guests.there.output("ip addr del 10.0.1.77/24 dev eth0")
    assert guests.here.pings("10.0.1.12")


@pytest.mark.requirement("EN-2", "NI-1")
def test_nics_are_plugged_in_and_out_under_traffic_and_keep_their_places(lab: Lab, guests: Guests) -> None:
    """What another platform got wrong: a NIC took the lowest free place, and another one after the reboot."""
    here, hypervisor = guests.here, lab.agents[0].remote.hypervisor()
    subnet, internal = lab.subnet("10.0.9"), lab.specs[here.vm_id].nics[0]
    second, third = (lab.port(subnet, number) for number in (22, 23))
    external = lab.edge.port(*MANY, THERE)
    slots = {external: 1, second: 2, third: 3}

    def bring(*ports: PortSpec | ExternalPortSpec) -> None:
        more = (NicAttachment(port.id, port.mac, slot=slots[port]) for port in ports)
        wanted = replace(lab.specs[here.vm_id], nics=(internal, *more))
        until(lambda: set(hypervisor.ensure_nics(wanted).running) == {nic.port_id for nic in wanted.nics})
        here.wait_for_devices({internal.mac: 3, **{port.mac: 0x17 + slots[port] for port in ports}})

    guests.there.output("ping -i 0.2 -w 60 10.0.1.11 >/run/pings 2>&1 &")
    bring(external, third)
    here.output(f"until ping -c 1 -W 1 -I {here.device(third.mac)} 10.0.9.1; do usleep 100000; done")
    bring(external)
    bring(external, second)
    bring(external, second, third)
    assert lost_pings(guests.there) == 0

    nics = (own_nic(internal.mac), external_nic(external.mac, *MANY, THERE))
    assert hypervisor.ensure_guest_network(here.vm_id, GuestNetwork(nics, 6)).applied
    assert silent(lab, *MANY, THERE) == []
    assert here.output(f"wget -q -O - http://{WEB}/").rpartition("came from ")[2].strip() == MANY[0]
    assert here.pings("10.0.1.12"), "the VPC is reached by the internal NIC"

    before = here.output("cat /proc/sys/kernel/random/boot_id")
    here.output("(sleep 0.2; reboot) >/dev/null 2>&1 &")
    until(lambda: booted_again(here, before), seconds=90)
    until(lambda: hypervisor.status(here.vm_id).guest_network == 6)
    assert silent(lab, *MANY, THERE) == []
    bring(external, second, third)

    less = (own_nic(internal.mac), external_nic(external.mac, *MANY[1:]))
    assert hypervisor.ensure_guest_network(here.vm_id, GuestNetwork(less, 7)).applied
    left = here.output("ip addr; ip rule; ip -6 rule; ip route")
    assert f"{MANY[1]}/" in left and f"{MANY[0]}/" not in left and THERE not in left


@pytest.mark.requirement("EN-2", "EN-3")
def test_a_nic_of_another_vpc_joins_two_networks_and_moves_between_running_guests(
    lab: Lab, guests: Guests, onebox: Onebox
) -> None:
    subnet = lab.subnet("10.0.8")
    elastic = replace(lab.port(subnet, 31), default_route=False)
    lab.fabric.ensure(elastic)

    def bring(guest: Guest, number: int, *ports: PortSpec) -> None:
        vm = lab.specs[guest.vm_id]
        more = (NicAttachment(port.id, port.mac, slot=2) for port in ports)
        wanted = replace(vm, nics=(vm.nics[0], *more))
        hypervisor = lab.agents[number].remote.hypervisor()
        until(lambda: set(hypervisor.ensure_nics(wanted).running) == {nic.port_id for nic in wanted.nics})

    with netns_guest(onebox.hosts[0], lab.port(subnet, 32), "10.0.8.1") as beyond:
        for guest, number in ((guests.here, 0), (guests.there, 1)):
            bring(guest, number)  # what others have plugged in
            bring(guest, number, elastic)
            until(lambda: beyond.pings("10.0.8.31"))
            assert guest.pings("10.0.8.32"), "it is in the other VPC"
            assert guest.pings("10.0.1.1"), "and in its own"
            assert "default via 10.0.1.1 " in guest.output("ip route")
            bring(guest, number)
            assert not beyond.pings("10.0.8.31")


MANY = [f"203.0.113.{number}" for number in range(100, 149)] + [f"2001:db8:101::{n:x}" for n in range(16, 26)]
THERE, WEB = "172.20.1.100", "198.51.100.10"
"""With the address in the data centre 50 and 10, which is all that a VM can have; and a page in the internet."""


def own_nic(mac: str) -> GuestNic:
    return GuestNic(mac, (GuestAddress("10.0.1.11/24", "10.0.1.1", ("10.0.1.0/24",)),))


def external_nic(mac: str, *ips: str) -> GuestNic:
    """The addresses on an external NIC; the first is the default egress."""
    routes = {ips[0]: ("0.0.0.0/0",), THERE: ("172.21.0.0/16",)}
    found = (
        GuestAddress(f"{ip}/128", GATEWAY_V6)
        if ":" in ip
        else GuestAddress(f"{ip}/32", GATEWAY_V4, routes.get(ip, ()))
        for ip in ips
    )
    return GuestNic(mac, tuple(found))


def silent(lab: Lab, *ips: str) -> list[str]:
    """Return the addresses that do not answer from outside."""
    missing: list[str] = []
    for network in (INTERNET, DATACENTRE):
        asked = " ".join(ip for ip in ips if (ip == THERE) == (network is DATACENTRE))
        script = f"for ip in {asked}; do ping -c 1 -W 2 $ip >/dev/null || echo $ip; done"
        missing += lab.edge.gateway(network).exec("sh", "-c", script).split()
    return missing


def lost_pings(guest: Guest) -> int:
    """Return how many of the pings in the background were lost, but for one that may be on its way."""
    text = guest.output("killall -INT ping; until grep transmitted /run/pings; do usleep 50000; done")
    sent, received = (int(part.split()[0]) for part in text.split(",")[:2])
    assert sent > 10
    return max(0, sent - received - 1)


def booted_again(guest: Guest, before: str) -> bool:
    try:
        return guest.output("cat /proc/sys/kernel/random/boot_id") != before
    except OneboxError:
        return False


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    give_up = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.1)


@pytest.mark.requirement("VM-2")
def test_a_busy_guest_gets_the_cpu_time_it_was_given_and_no_more(lab: Lab) -> None:
    """A guest that boots is busy all the time; with a fifth of a core it is so for a minute and more."""
    guest = lab.start(0, a_port(lab.subnet(), 30), cpu_percent=CPU_PERCENT)
    shares = [cpu_share(lab.agents[0].remote, guest) for _ in range(4)]
    assert max(shares) < CPU_PERCENT * 1.25
    assert max(shares) > CPU_PERCENT * 0.5


@pytest.mark.requirement("VM-3")
def test_a_guest_shuts_down_when_asked(lab: Lab, guests: Guests) -> None:
    wait_until_off(lab.agents[0].remote.hypervisor(), guests.other.vm_id, 300)


@pytest.mark.requirement("VM-2")
def test_a_guest_writes_no_faster_than_its_disk_may(guests: Guests) -> None:
    began = time.monotonic()
    guests.there.output("dd if=/dev/zero of=/dev/vdc bs=1M count=10 oflag=direct", seconds=60)
    took = time.monotonic() - began

    assert took > 0.7 * (10 << 20) / DISK_BYTES_PER_SECOND


def echoes(guest: Guest) -> int:
    """Return how many pings the guest has received."""
    names, values = (line.split() for line in guest.output("grep ^Icmp: /proc/net/snmp").splitlines())
    return int(values[names.index("InEchos")])


def usage(remote: RemoteHost, guest: Guest) -> VmUsage:
    """Return the guest's counters, as soon as its QEMU gives them."""
    give_up = time.monotonic() + patience(120)
    while True:
        for found in remote.hypervisor().observe().usage:
            if found.id == guest.vm_id:
                return found
        assert time.monotonic() < give_up, "no counters"
        time.sleep(0.2)


def cpu_share(remote: RemoteHost, guest: Guest, seconds: float = 4) -> float:
    """Return the CPU time that the VM took over some seconds, in percent of a core."""
    before, began = usage(remote, guest).cpu_ns, time.monotonic()
    time.sleep(seconds)
    after, ended = usage(remote, guest).cpu_ns, time.monotonic()
    return (after - before) / 1e7 / (ended - began)
