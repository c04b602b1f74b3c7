"""Which external segments there may be: pure checks of what an administrator typed, at the field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from django.utils.translation import gettext as _

from apps.accounts.cidr import MaskNotation, not_a_mask, read_network
from apps.lifecycle.errors import Invalid
from apps.network.models.external import LAST_VLAN

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

MOST_ROUTES = 20
MOST_MBIT = 1_000_000
#: Shortest and longest prefix, by IP version. A /30 has no room for gateway, router and an EIP.
PREFIXES: Mapping[int, tuple[int, int]] = {4: (8, 29), 6: (32, 124)}
#: Never routed, or the platform's own: guests see the edge in 169.254.0.0/16 and fd77::/16, its links are in fd78::/16.
NEVER: Mapping[int, tuple[Network, ...]] = {
    4: tuple(IPv4Network(block) for block in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")),
    6: tuple(IPv6Network(block) for block in ("::/32", "fe80::/10", "ff00::/8", "fd77::/16", "fd78::/16")),
}
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True)
class SegmentPlan:
    """The network of a segment, checked."""

    cidr: Network
    gateway: Address
    router_address: Address


def read_block(text: str, field: str) -> Network:
    """Return an IPv4 or IPv6 block. Raises Invalid at `field`, with the likely meaning when host bits are set."""
    try:
        block = read_network(text.strip())
    except MaskNotation as error:
        raise not_a_mask(field, error) from None
    except ValueError:
        raise Invalid({field: [_("Not a CIDR block such as 203.0.113.0/24 or 2001:db8:1::/64.")]}) from None
    if "/" not in text:
        raise Invalid({field: [_("Add the prefix length, such as %(block)s.") % {"block": block}]})
    if ip_address(text.strip().split("/")[0]) != block.network_address:
        raise Invalid({field: [_("Host bits are set. Did you mean %(block)s?") % {"block": block}]})
    return block


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 address."""
    try:
        ip_address(text.replace("%", "?"))  # no zone (fe80::1%eth0): PostgreSQL knows none
    except ValueError:
        return False
    return True


def read_address(text: str, field: str, block: Network) -> Address:
    """Return an address of the block that a machine can have. Raises Invalid at `field`."""
    try:
        found = ip_address(text.strip().replace("%", "?"))
    except ValueError:
        raise Invalid({field: [_("Not an IPv%(version)s address.") % {"version": block.version}]}) from None
    if found not in block:
        raise Invalid({field: [_("Not inside the CIDR block %(block)s.") % {"block": block}]})
    if found in unusable(block):
        text = _("%(address)s is the network or broadcast address of %(block)s.")
        raise Invalid({field: [text % {"address": found, "block": block}]})
    return found


def read_plan(cidr: str, gateway: str, router_address: str = "") -> SegmentPlan:
    """Return the network of a new segment. Without `router_address` it is the last free one. Raises Invalid."""
    block = read_block(cidr, "cidr")
    least, most = PREFIXES[block.version]
    if not least <= block.prefixlen <= most:
        text = _("The prefix length must be from /%(first)s to /%(last)s.") % {"first": least, "last": most}
        raise Invalid({"cidr": [text]})
    for never in NEVER[block.version]:
        if block.overlaps(never):
            raise Invalid({"cidr": [_("%(never)s cannot be used in a segment.") % {"never": never}]})
    gate = read_address(gateway, "gateway", block)
    router = read_address(router_address, "router_address", block) if router_address else _last(block, gate)
    if router == gate:
        raise Invalid({"router_address": [_("The gateway has this address.")]})
    return SegmentPlan(block, gate, router)


def read_word(text: str, field: str) -> str:
    """Return the name of a physical network. Raises Invalid at `field`."""
    if not _WORD.fullmatch(text):
        raise Invalid(
            {field: [_("Use 1 to 63 letters, digits, dots, hyphens and underscores, such as physnet1.")]}
        )
    return text


def read_vlan(vlan: int) -> int:
    """Return the VLAN. Raises Invalid."""
    if not 0 <= vlan <= LAST_VLAN:
        raise Invalid({"vlan": [_("0 to %(last)s; 0 means untagged.") % {"last": LAST_VLAN}]})
    return vlan


def read_ceiling(mbit: int) -> int:
    """Return the most that tenants may set for an address. Raises Invalid."""
    if not 1 <= mbit <= MOST_MBIT:
        raise Invalid({"ceiling_mbit": [_("1 to %(most)s Mbit/s.") % {"most": f"{MOST_MBIT:,}"}]})
    return mbit


def read_routes(routes: Sequence[str], version: int, field: str = "routes") -> list[Network]:
    """Return the destinations handed out, of the segment's IP version. Raises Invalid at `field`."""
    if len(routes) > MOST_ROUTES:
        raise Invalid({field: [_("At most %(most)s routes.") % {"most": MOST_ROUTES}]})
    found: list[Network] = []
    for text in routes:
        block = read_block(text, field)
        if block.version != version:
            told = _("%(route)s is not an IPv%(version)s destination.") % {"route": block, "version": version}
            raise Invalid({field: [told]})
        if block in found:
            raise Invalid({field: [_("%(route)s is listed twice.") % {"route": block}]})
        found.append(block)
    return found


def unusable(block: Network) -> tuple[Address, ...]:
    """Return network and broadcast address; IPv6 has only the first, the anycast address of its routers."""
    return (block[0], block[-1]) if block.version == 4 else (block[0],)


def _last(block: Network, gateway: Address) -> Address:
    last = block[-2] if block.version == 4 else block[-1]
    return last if last != gateway else last - 1
