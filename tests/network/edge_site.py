"""A real edge between the test instance's hosts and the networks outside, and netns guests with external ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from onebox import outside
from onebox.hosts import Host
from onebox.outside_networks import DATACENTRE, INTERNET, PHYSICAL_NETWORK, OutsideNetwork
from onebox.shell import OneboxError, wait_until

from apps.drivers.specs import (
    GATEWAY_V4,
    GATEWAY_V6,
    EdgeSpec,
    ExternalAddress,
    ExternalNetwork,
    ExternalPortSpec,
    ProviderNetworkSpec,
    RuleSpec,
    SecurityGroupSpec,
    TranslatedAddressSpec,
)
from tests.drivers.netns import NetnsGuest, PluggedIn, connect, netns_guest, plugged_in
from tests.drivers.ovn_tidy import TidyFabric
from tests.drivers.samples import a_port, a_subnet, a_vpc, an_edge, new_id, new_mac
from tests.onebox_fixtures import Onebox

MTU = "1500"


@dataclass
class EdgeSite:
    """An edge with both outside networks, and what is plugged into it."""

    box: Onebox
    fabric: TidyFabric
    edge: EdgeSpec
    networks: dict[str, ProviderNetworkSpec]
    stack: ExitStack = field(default_factory=ExitStack)

    def gateway(self, network: OutsideNetwork = INTERNET) -> outside.Gateway:
        return outside.Gateway(self.box.instance, network)

    def address(self, ip: str, mbit_in: int = 0, mbit_out: int = 0) -> ExternalAddress:
        """Return an address with the network and the routes of its CIDR."""
        for network in (INTERNET, DATACENTRE):
            for block in network.blocks:
                if ip.startswith(block.gateway.rstrip("0123456789")):
                    return ExternalAddress(
                        ip, self.networks[network.name].id, block.routes, mbit_in, mbit_out
                    )
        raise AssertionError(ip)

    def port(self, *ips: str, groups: tuple[str, ...] = ()) -> ExternalPortSpec:
        addresses = tuple(self.address(ip) for ip in ips)
        spec = ExternalPortSpec(new_id(), self.edge.id, new_mac(), addresses, security_group_ids=groups)
        self.fabric.ensure(spec)
        return spec

    def guest(self, *ips: str, host: int = 0, groups: tuple[str, ...] = ()) -> ExternalGuest:
        """Plug in a guest that has these addresses set."""
        guest = self.stack.enter_context(external_guest(self.box.hosts[host], self.port(*ips, groups=groups)))
        for ip in ips:
            guest.set_address(ip)
        return guest

    def started(self, *ips: str, host: int = 0, groups: tuple[str, ...] = ()) -> ExternalGuest:
        """Plug in a guest and wait until its first address answers outside."""
        guest = self.guest(*ips, host=host, groups=groups)
        wait_answers(self.gateway(), ips[0])
        return guest

    def group(self, *rules: RuleSpec) -> SecurityGroupSpec:
        """Make a security group."""
        self.fabric.ensure(group := SecurityGroupSpec(new_id(), rules))
        return group

    def bind(self, guest: ExternalGuest, *ips: str) -> None:
        """Have a guest's port hold exactly these addresses."""
        self.fabric.ensure(replace(guest.port, addresses=tuple(self.address(ip) for ip in ips)))


class ExternalGuest(PluggedIn[ExternalPortSpec]):
    """A name space on the edge."""

    def set_address(self, ip: str) -> None:
        bits = ip_address(ip).max_prefixlen
        extra = ("nodad",) if ":" in ip else ()
        self.exec("ip", "addr", "replace", f"{ip}/{bits}", "dev", "eth0", *extra)


AnyGuest = NetnsGuest | ExternalGuest


@contextmanager
def external_guest(host: Host, spec: ExternalPortSpec) -> Iterator[ExternalGuest]:
    """Make the guest with one default route by the edge, which is all it needs for every network."""
    with plugged_in(host, spec.id, spec.mac):
        guest = ExternalGuest(host, spec)
        guest.exec("ip", "link", "set", "eth0", "mtu", MTU)
        for family, gateway in (("-4", GATEWAY_V4), ("-6", GATEWAY_V6)):
            guest.exec("ip", family, "route", "replace", "default", "via", gateway, "dev", "eth0", "onlink")
        connect(host, spec.id)
        yield guest


@contextmanager
def edge_site(box: Onebox, fabric: TidyFabric) -> Iterator[EdgeSite]:
    """Connect the hosts to both networks outside."""
    edge = an_edge(*(host.name for host in box.hosts))
    fabric.ensure(edge)
    networks = {}
    for network in (INTERNET, DATACENTRE):
        blocks = tuple(
            ExternalNetwork(block.cidr, block.gateway, block.router_address) for block in network.blocks
        )
        spec = ProviderNetworkSpec(new_id(), edge.id, PHYSICAL_NETWORK, network.vlan, new_mac(), blocks)
        fabric.ensure(spec)
        networks[network.name] = spec
    with ExitStack() as stack:
        made = EdgeSite(box, fabric, edge, networks, stack)
        for network in (INTERNET, DATACENTRE):
            # An earlier edge had other MACs, and nobody announces IPv6 addresses.
            made.gateway(network).exec("ip", "neigh", "flush", "dev", "eth0")
        yield made


def answers(gateway: outside.Gateway, ip: str, source: str = "") -> bool:
    """Whether an address answers a ping from outside."""
    origin = ("-I", source) if source else ()
    try:
        gateway.exec("ping", "-c", "3", "-i", "0.3", "-W", "1", *origin, ip)
    except OneboxError:
        return False
    return True


def namespace_of(guest: AnyGuest) -> list[str]:
    """Return the start of a command line that runs the rest in the guest."""
    return guest.host.command(("ip", "netns", "exec", guest.name))


def wait_answers(gateway: outside.Gateway, ip: str) -> None:
    wait_until(lambda: answers(gateway, ip), f"{ip} to answer {gateway.network.name}", seconds=20)


def seen_as(guest: AnyGuest, server: str) -> str:
    """Return the address from which a page outside says that the guest came; empty when it did not answer."""
    where = f"[{server}]" if ":" in server else server
    page = guest.exec("curl", "-s", "--max-time", "3", f"http://{where}/", check=False)
    return page.rpartition("came from ")[2].strip()


def translated_guest(
    site: EdgeSite, host: int, number: int, address: str, mbit_in: int = 0, mbit_out: int = 0
) -> tuple[NetnsGuest, NetnsGuest]:
    """Plug in a guest of a VPC of its own with an address by one-to-one NAT, and one beside it that has none."""
    vpc = a_vpc()
    subnet = replace(a_subnet(vpc), cidr6="fd99:1::/64", gateway6="fd99:1::1")
    port = replace(a_port(subnet), ip6="fd99:1::11")
    spare = a_port(subnet, 12)
    for spec in (vpc, subnet, port, spare):
        site.fabric.ensure(spec)
    guest = site.stack.enter_context(netns_guest(site.box.hosts[host], port, subnet.gateway))
    guest.exec("ip", "addr", "add", "fd99:1::11/64", "dev", "eth0", "nodad")
    guest.exec("ip", "-6", "route", "add", "default", "via", "fd99:1::1")
    for ip, inside in ((address, port.ip), ("2001:db8:101::" + address.rpartition(".")[2], port.ip6)):
        site.fabric.ensure(
            TranslatedAddressSpec(
                new_id(), site.edge.id, vpc.id, number, site.address(ip, mbit_in, mbit_out), inside
            )
        )
    return guest, site.stack.enter_context(netns_guest(site.box.hosts[host], spare, subnet.gateway))
