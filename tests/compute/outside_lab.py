"""Two VMs whose guests have agents, on two hosts, and segments of IPv4 and IPv6 on both networks outside."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from onebox.outside import Gateway
from onebox.outside_networks import DATACENTRE, INTERNET, NETWORKS, PHYSICAL_NETWORK, OutsideNetwork
from onebox.shell import OneboxError, wait_until

from apps.compute.models import Vm
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Eip
from apps.network.services.external_segment import create_segment
from tests.drivers.guests import Guest
from tests.network.edge_site import answers
from tests.real_site import Customer, RealSite

INTERNET4, INTERNET6 = "internet-4", "internet-6"
DATACENTRE4, DATACENTRE6 = "datacentre-4", "datacentre-6"
#: A page in each, by segment.
PAGES = {
    INTERNET4: "198.51.100.10",
    INTERNET6: "2001:db8:ffff::10",
    DATACENTRE4: "172.21.0.10",
    DATACENTRE6: "fd00:210::10",
}


@dataclass
class Outside:
    """A tenant with one EIP of each segment and two VMs. What is asked for goes through the API to the worker."""

    site: RealSite
    customer: Customer
    segments: dict[str, str] = field(default_factory=dict)
    eips: dict[str, Eip] = field(default_factory=dict)
    guests: list[Guest] = field(default_factory=list)

    def gateway(self, segment: str) -> Gateway:
        """Return the gateway outside of a segment's network."""
        return Gateway(self.site.box.instance, _network(segment))

    def change(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Ask for a change and see it done."""
        answer = self.customer.api.change(method, path, body)
        self.see_done(answer)
        return answer

    def see_done(self, *answers: Any) -> None:
        """Wait until what was accepted is done."""
        asked = [each for one in answers for each in one.get("operations") or [one.get("operation") or one]]
        rows = Operation.objects.filter(pk__in=[each["id"] for each in asked])
        wait_until(lambda: not rows.open().exists(), f"the end of {asked}", seconds=90, every=0.05)
        for row in rows:
            assert row.status == OperationStatus.DONE, (row, row.error, row.steps)

    def bind(self, eip: Eip, guest: Guest, **more: str) -> Any:
        """Ask for an EIP to be bound, or moved; return what was accepted."""
        return self.customer.api.change("POST", f"/eips/{eip.pk}/bind", {"carrier": guest.vm_id, **more})

    def unbind_all(self) -> None:
        """Unbind what a test left bound."""
        api, bound = self.customer.api, Eip.objects.exclude(carrier=None)
        wait_until(lambda: not Operation.objects.open().exists(), "all operations to end", seconds=90)
        self.see_done(*(api.change("POST", f"/eips/{eip.pk}/unbind") for eip in bound))

    def wait_answers(self, segment: str, address: str = "") -> None:
        """Wait until an address answers from outside; by default the EIP of the segment."""
        address = address or self.eips[segment].address
        gateway = self.gateway(segment)
        wait_until(lambda: answers(gateway, address), f"{address} to answer", seconds=60, every=0.1)

    def wait_page(self, guest: Guest, segment: str, address: str = "") -> None:
        """Wait until a guest is known outside by an address: its agent sets routes a moment after DHCP the address."""
        server, address = PAGES[segment], address or self.eips[segment].address
        try:
            wait_until(lambda: page(guest, server) == address, f"{server} to be reached", seconds=30)
        except OneboxError as late:
            late.add_note(
                guest.run("ip addr; ip rule; ip route show table all; ip -6 route show table all")[1]
            )
            raise

    def gap(
        self, segment: str, address: str, action: Callable[[], None], arrived: Callable[[], None]
    ) -> float:
        """Return the longest time without an answer from outside while something is done, until it has taken effect."""
        return longest_gap(self.gateway(segment).command(()), address, action, arrived)


#: Until its input ends: in a name space of processes a signal would reach only who entered it.
_PING = 'ping -n -D -i 0.1 "$0" & read -r _; kill $!; wait'


def longest_gap(
    seen_from: list[str], address: str, action: Callable[[], None], arrived: Callable[[], None]
) -> float:
    """Return the longest time in seconds without an answer to pings; `seen_from` begins the command that pings."""
    command = [*seen_from, "sh", "-c", _PING, address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as pinging:
        assert pinging.stdin is not None and pinging.stdout is not None
        printed = next(line for line in pinging.stdout if "bytes from" in line)
        try:
            action()
            arrived()
        finally:
            pinging.stdin.close()
        printed += pinging.stdout.read()
    at = [float(moment) for moment in re.findall(r"^\[(\d+\.\d+)\].*bytes from", printed, re.M)]
    return round(max(later - earlier for earlier, later in pairwise(at)), 2)


def page(guest: Guest, server: str) -> str:
    """Return as whom a page outside knows the guest."""
    where = f"[{server}]" if ":" in server else server
    # Not `wget -T`: that option makes the busybox of the guest's Debian crash.
    status, text = guest.run(f"timeout 5 wget -q -O - http://{where}/")
    return text.rpartition("came from ")[2].strip() if status == 0 else ""


@pytest.fixture(scope="module")
def lab(real_site: RealSite) -> Outside:
    """The first VM is created with the internet's EIP, and answers by it; then nothing is bound."""
    made = Outside(real_site, real_site.tenant("outside"))
    _make_segments(made)
    for segment in (INTERNET4, DATACENTRE4):
        # The gateways may know addresses by the MACs of an earlier edge.
        made.gateway(segment).exec("ip", "neigh", "flush", "dev", "eth0")
    for segment, id in made.segments.items():
        answer = made.change("POST", "/eips", {"name": segment, "segment": id})
        made.eips[segment] = Eip.objects.select_related("segment_address").get(
            pk=answer["resources"][0]["id"]
        )
    vms = [
        _create_vm(made, name, host, **more)
        for name, host, more in zip(
            ("first", "second"),
            Host.objects.order_by("name").values_list("name", flat=True),
            ({"eip": str(made.eips[INTERNET4].pk)}, {}),
            strict=True,
        )
    ]
    Host.objects.update(accepts_vms=True)
    for pk in vms:
        real_site.wait_ready(pk=pk)
        vm = Vm.objects.select_related("host").get(pk=pk)
        assert vm.host is not None
        made.guests.append(Guest(real_site.box.host(vm.host.name), pk))
    for guest in made.guests:
        guest.wait_booted()
    made.wait_answers(INTERNET4)
    made.unbind_all()
    return made


@pytest.fixture
def outside(lab: Outside) -> Iterator[Outside]:
    """The same for each test."""
    yield lab
    lab.unbind_all()


@contextmanager
def elsewhere(outside: Outside, segment: str, address: str) -> Iterator[str]:
    """Give the gateway of a network an address that no route of a segment names."""
    bits = "128" if ":" in address else "32"
    where = (f"{address}/{bits}", "dev", "lo")
    gateway = outside.gateway(segment)
    gateway.exec("ip", "addr", "add", *where, *(("nodad",) if ":" in address else ()))
    try:
        yield address
    finally:
        gateway.exec("ip", "addr", "del", *where)


def _network(segment: str) -> OutsideNetwork:
    return INTERNET if segment.startswith(INTERNET.name) else DATACENTRE


def _make_segments(made: Outside) -> None:
    region = Region.objects.get(name="local")
    for network in NETWORKS:
        for block in network.blocks:
            name = f"{network.name}-{6 if ':' in block.cidr else 4}"
            operation = create_segment(
                SYSTEM,
                region=region,
                name=name,
                cidr=block.cidr,
                gateway=block.gateway,
                router_address=block.router_address,
                vlan=network.vlan,
                physical_network=PHYSICAL_NETWORK,
                routes=list(block.routes),
            )
            made.segments[name] = str(operation.target_id)
    made.site.wait_ready(kind="external_segment")


def _create_vm(made: Outside, name: str, host: str, **more: Any) -> str:
    """Ask for a VM on a host."""
    Host.objects.update(accepts_vms=False)
    Host.objects.filter(name=host).update(accepts_vms=True)
    body = {
        "name": name,
        "instance_type": made.site.small.pk,
        "image": str(made.site.image.pk),
        "subnet": made.customer.subnet,
        "security_group": None,
        **more,
    }
    return str(made.customer.api.change("POST", "/vms", body)["resources"][0]["id"])
