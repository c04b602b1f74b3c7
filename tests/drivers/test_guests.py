"""Real guests on two hosts: first boot, network, limits, shutdown."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
from onebox.shell import patience

from apps.drivers.ovn.fabric import OvnFabric
from apps.drivers.remote import RemoteHost
from apps.drivers.specs import (
    DiskAttachment,
    ImageSpec,
    PoolSpec,
    PortSpec,
    Power,
    SeedSpec,
    SubnetSpec,
    VmUsage,
    VpcSpec,
)
from tests.drivers.contracts.fabric import built
from tests.drivers.contracts.hypervisor import wait_until_off
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_port, a_vm, a_volume, an_image
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
        return Guest(agent.host, vm.id)

    def subnet(self) -> SubnetSpec:
        """Make a VPC with the subnet 10.0.1.0/24."""
        vpc, subnet = built(self.fabric)
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
        yield Lab(agents, fabric, pool, image, stack)


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
