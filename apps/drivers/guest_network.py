"""The network in a guest: as lines for the script that its agent runs, and in words where it could not be configured.

Every word of a line is made from a parsed address, so nothing that was sent can become anything else in a guest.
"""

import re
from ipaddress import ip_address, ip_interface, ip_network

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _
from apps.drivers.specs import GuestAddress, GuestNetwork, GuestNetworkReason

#: Reason → cause and next step, to be translated where they are shown.
WORDS: dict[GuestNetworkReason, str] = {
    GuestNetworkReason.OFF: _("The VM is stopped. The guest is configured when the VM starts."),
    GuestNetworkReason.PAUSED: _("The VM is paused. The guest is configured when the VM resumes."),
    GuestNetworkReason.NO_AGENT: _(
        "No guest agent is connected. If the guest has booted, install qemu-guest-agent in it, or use "
        "one-to-one NAT."
    ),
    GuestNetworkReason.SILENT: _(
        "The guest agent does not answer. The platform retries automatically; check the guest agent in the VM."
    ),
    GuestNetworkReason.FORBIDDEN: _(
        "The guest agent does not permit guest-exec. Permit guest-exec in its configuration, or use "
        "one-to-one NAT."
    ),
    GuestNetworkReason.NO_TOOLS: _(
        "The guest has no /bin/sh or no ip command. Install iproute2 in it, or use one-to-one NAT."
    ),
    GuestNetworkReason.UNSUPPORTED: _(
        "The guest’s operating system is not supported. Set the addresses in the guest, or use one-to-one NAT."
    ),
    GuestNetworkReason.NO_NIC: _(
        "The guest does not see the NIC. The platform retries automatically; check the virtio driver in the VM."
    ),
    GuestNetworkReason.FAILED: _(
        "A network command failed in the guest. The platform retries automatically; check the guest’s network."
    ),
}
FIRST_TABLE, PRIORITY = 171, 1000
"""Of the tables of routes and the rules in a guest. busybox knows no table above 255."""
MOST_ADDRESSES = 512
MAC = re.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5}")
NOTHING = "-"
HALVES = {4: ("0.0.0.0/1", "128.0.0.0/1"), 6: ("::/1", "8000::/1")}
"""Instead of a default route: they win over that of any DHCP client, whatever its metric, and leave it where it is."""


def lines_of(network: GuestNetwork) -> list[str]:
    """Return the lines; raise `DriverError` for what is no address."""
    try:
        return _Lines().of(network)
    except ValueError as error:
        raise DriverError(
            _("The guest network is not valid: %(error)s"),
            values={"error": str(error)},
            code="hypervisor.guest_network_invalid",
            permanent=True,
        ) from error


class _Lines:
    """Addresses before routes, which may name them as their source, and rules last: their tables are complete."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], int] = {}
        self._nics: list[str] = []
        self._addresses: list[str] = []
        self._routes: dict[str, None] = {}
        self._rules: list[str] = []

    def of(self, network: GuestNetwork) -> list[str]:
        for nic in network.nics:
            mac = nic.mac.lower()
            if not MAC.fullmatch(mac):
                raise ValueError(f"{nic.mac!r} is no MAC")
            self._nics.append(f"n {mac}")
            for address in nic.addresses:
                self._add(mac, address)
        if len(self._addresses) > MOST_ADDRESSES:
            raise ValueError(f"more than {MOST_ADDRESSES} addresses")
        return [*self._nics, *self._addresses, *self._routes, *self._rules]

    def _add(self, mac: str, given: GuestAddress) -> None:
        if "%" in "".join((given.address, given.gateway, *given.routes)):
            raise ValueError("a zone is no part of an address")  # and may be any text
        own = ip_interface(given.address)
        family, on = own.version, f"{mac} {own.version}"
        self._addresses.append(f"a {on} {own}")
        if not given.gateway:
            return
        gateway = ip_address(given.gateway)
        if gateway.version != family:
            raise ValueError(f"{gateway} is no gateway of {own}")
        table = self._tables.setdefault((on, str(gateway)), FIRST_TABLE + len(self._tables))
        if own.network.num_addresses > 1:
            self._routes[f"r {on} {table} {own.network} {NOTHING} {NOTHING}"] = None
        self._routes[f"r {on} {table} default {gateway} {NOTHING}"] = None
        for route in map(ip_network, given.routes):
            if route.version != family:
                raise ValueError(f"{route} is no route of {own}")
            for to in (route,) if route.prefixlen else HALVES[family]:
                self._routes[f"r {on} main {to} {gateway} {own.ip}"] = None
        self._rules.append(f"f {family} {PRIORITY} {own.ip} {table}")
