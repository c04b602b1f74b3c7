"""Which IPv6 prefixes subnets may have: pure checks, no writes."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from uuid import UUID

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.network.segment_plan import NEVER, read_block

#: Given as a prefix: any that is free.
AUTOMATIC = "auto"
LENGTH = 64
#: Unique local addresses (RFC 4193), and global ones.
USABLE = (IPv6Network("fc00::/7"), IPv6Network("2000::/3"))
#: Number of the last address before the reserved anycast addresses of a /64 (RFC 2526).
LAST = 0xFDFF_FFFF_FFFF_FF7F
_LAST_NUMBER = 2**16 - 1


def read_prefix(text: str, field: str) -> IPv6Network:
    """Return the prefix as a subnet's. Raises Invalid at `field`."""
    block = read_block(text, field)
    if not isinstance(block, IPv6Network):
        raise Invalid({field: [_("Not an IPv6 prefix such as fd12:3456:789a:1::/64.")]})
    if block.prefixlen != LENGTH:
        raise Invalid({field: [_("The prefix length must be /%(n)s.") % {"n": LENGTH}]})
    for never in NEVER[6]:
        if block.overlaps(never):
            raise Invalid({field: [_("%(never)s cannot be used in a VPC.") % {"never": never}]})
    if not any(block.subnet_of(usable) for usable in USABLE):
        values = {"local": USABLE[0], "everywhere": USABLE[1]}
        text = _("Use a prefix of %(local)s (unique local) or %(everywhere)s (global).")
        raise Invalid({field: [text % values]})
    return block


def free_prefix(
    vpc: UUID, taken: Collection[IPv6Network], avoid: Collection[IPv6Network]
) -> IPv6Network | None:
    """Return a unique local prefix that is not taken in the VPC; None when the VPC has all of its own.

    A VPC has a /48 of its own, clear of `avoid`: its global ID (RFC 4193, 3.2.2) comes from the VPC's ID.
    """
    used = {int(block.network_address) for block in taken}
    own = int(_own_block(vpc, [*avoid, *(never for never in NEVER[6] if isinstance(never, IPv6Network))])[0])
    for number in range(1, _LAST_NUMBER + 1):
        first = own + (number << LENGTH)
        if first not in used:
            return IPv6Network((first, LENGTH))
    return None


def derived_address(prefix: IPv6Network, block: IPv4Network, address: IPv4Address) -> IPv6Address:
    """Return the IPv6 address of whoever has an IPv4 address of the subnet: the same number within its prefix."""
    return prefix[int(address) - int(block.network_address)]


def chosen_addresses(prefix: IPv6Network, block: IPv4Network) -> tuple[IPv6Address, IPv6Address]:
    """Return the first and last address that can be chosen: none that goes with an IPv4 address of the subnet."""
    return prefix[block.num_addresses], prefix[LAST]


def _own_block(vpc: UUID, avoid: Collection[IPv6Network]) -> IPv6Network:
    attempt = 0
    while True:
        seed = vpc.bytes + attempt.to_bytes(4, "big")
        block = IPv6Network((b"\xfd" + sha256(seed).digest()[:5] + bytes(10), 48))
        if not any(block.overlaps(each) for each in avoid):
            return block
        attempt += 1
