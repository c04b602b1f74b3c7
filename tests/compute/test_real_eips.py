"""EIPs of real VMs: reached from an internet and a data centre, moved between VMs that run, kept when theirs goes."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from onebox.outside import Gateway
from onebox.outside_networks import DATACENTRE, INTERNET, PHYSICAL_NETWORK, OutsideNetwork
from onebox.shell import OneboxError, wait_until

from apps.compute.models import Vm
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.network.models import Eip
from apps.network.services.external_segment import create_segment
from tests.drivers.guests import Guest
from tests.network.edge_site import answers
from tests.real_site import Customer, RealSite

pytestmark = [pytest.mark.real, pytest.mark.timeout(600), pytest.mark.requirement("EI-3")]

Record = Callable[[str, object], None]
WEB, ARCHIVE = "198.51.100.10", "172.21.0.10"
#: A move is announced by the network within about a second; the machine may be busy.
LONGEST_GAP = 10.0


@dataclass
class Outside:
    """Two VMs whose guests have agents, and a segment on each network outside."""

    site: RealSite
    customer: Customer
    segments: dict[str, str]

    def gateway(self, network: OutsideNetwork) -> Gateway:
        return Gateway(self.site.box.instance, network)

    def eip(self, network: OutsideNetwork) -> Eip:
        """Apply for an address."""
        body = {"name": network.name, "segment": self.segments[network.name]}
        made = self.customer.api.change("POST", "/eips", body)
        pk = made["resources"][0]["id"]
        self.site.wait_ready(pk=pk)
        return Eip.objects.select_related("segment_address").get(pk=pk)

    def vm(self, name: str, **more: Any) -> Guest:
        """Create a VM and wait until its guest has booted."""
        body = {
            "name": name,
            "instance_type": self.site.small.pk,
            "image": str(self.site.image.pk),
            "subnet": self.customer.subnet,
            "security_group": None,
            **more,
        }
        pk = self.customer.api.change("POST", "/vms", body)["resources"][0]["id"]
        self.site.wait_ready(pk=pk)
        host = Vm.objects.select_related("host").get(pk=pk).host
        assert host is not None
        guest = Guest(self.site.box.host(host.name), pk)
        guest.wait_booted()
        return guest

    def bind(self, eip: Eip, guest: Guest) -> None:
        self.customer.api.change("POST", f"/eips/{eip.pk}/bind", {"carrier": guest.vm_id})

    def wait_answers(self, eip: Eip, network: OutsideNetwork) -> None:
        gateway = self.gateway(network)
        wait_until(lambda: answers(gateway, eip.address), f"{eip.address} to answer", seconds=60, every=0.1)


@pytest.fixture(scope="module")
def outside(real_site: RealSite) -> Iterator[Outside]:
    customer = real_site.tenant("outside")
    region = Region.objects.get(name="local")
    segments = {}
    for network in (INTERNET, DATACENTRE):
        block = network.blocks[0]
        operation = create_segment(
            SYSTEM,
            region=region,
            name=network.name,
            cidr=block.cidr,
            gateway=block.gateway,
            router_address=block.router_address,
            vlan=network.vlan,
            physical_network=PHYSICAL_NETWORK,
            routes=list(block.routes),
        )
        segments[network.name] = str(operation.target_id)
    real_site.wait_ready(kind="external_segment")
    yield Outside(real_site, customer, segments)


def page(guest: Guest, server: str) -> str:
    """Return as whom a page outside knows the guest."""
    # Not `wget -T`: that option makes the busybox of the guest's Debian crash.
    status, text = guest.run(f"timeout 5 wget -q -O - http://{server}/")
    return text.rpartition("came from ")[2].strip() if status == 0 else ""


def wait_page(guest: Guest, server: str, eip: Eip) -> None:
    """Wait until the guest is known outside by an EIP: its agent sets routes a moment after DHCP the address."""
    try:
        wait_until(lambda: page(guest, server) == eip.address, f"{server} to be reached", seconds=30)
    except OneboxError as late:
        late.add_note(guest.run("ip addr; ip rule; ip route show table all")[1])
        raise


def longest_gap(printed: str) -> float:
    """Return the longest time without an answer, of what `ping -D` printed."""
    at = [float(moment) for moment in re.findall(r"^\[(\d+\.\d+)\].*bytes from", printed, re.M)]
    return max((later - earlier for earlier, later in pairwise(at)), default=float("inf"))


@pytest.mark.requirement("EI-2", "EI-4", "NI-1", "VM-10")
def test_an_eip_is_used_moved_under_traffic_and_outlives_its_vm(
    outside: Outside, record_property: Record
) -> None:
    public, inside = outside.eip(INTERNET), outside.eip(DATACENTRE)
    first = outside.vm("first", eip=str(public.pk))
    outside.wait_answers(public, INTERNET)
    wait_page(first, WEB, public)

    began = time.monotonic()
    outside.bind(inside, first)
    outside.wait_answers(inside, DATACENTRE)
    record_property("seconds from bind to the first answer", round(time.monotonic() - began, 2))
    wait_page(first, ARCHIVE, inside)
    assert page(first, WEB) == public.address, "the default egress is still the one bound first"

    second = outside.vm("second")
    assert page(second, WEB) == ""
    gateway = outside.gateway(INTERNET)
    command = gateway.command(("ping", "-D", "-O", "-i", "0.1", "-w", "30", public.address))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pinging:
        assert pinging.stdout is not None
        printed = next(line for line in pinging.stdout if "bytes from" in line)  # of the first VM
        outside.bind(public, second)
        wait_page(second, WEB, public)
        printed += pinging.stdout.read()
    gap = longest_gap(printed)
    record_property("seconds without an answer while an EIP is moved", round(gap, 2))
    assert gap < LONGEST_GAP
    wait_until(
        lambda: page(first, WEB) == "", "the address to be gone from the guest that had it", seconds=30
    )

    outside.customer.api.change("DELETE", f"/vms/{second.vm_id}")
    wait_until(lambda: not Vm.objects.filter(pk=second.vm_id).exists(), "the VM to be deleted", seconds=60)
    left = Eip.objects.get(pk=public.pk)
    assert (left.state, left.carrier_id) == ("ready", None)
    assert not answers(gateway, public.address)
