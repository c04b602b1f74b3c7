"""Which blocks VPCs and subnets may have: pure checks, no writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

from django.utils.translation import gettext as _

from apps.accounts.cidr import MaskNotation, not_a_mask, read_network
from apps.lifecycle.errors import Invalid
from apps.network.models import AllowedRange

#: A /30 has no room for gateway, DHCP and two hosts.
LONGEST_PREFIX = 29
SHORTEST_PREFIX = 8


@dataclass(frozen=True, order=True)
class VpcRange:
    """A block VPCs may be cut from, with masks from `min_prefix` to `max_prefix`."""

    cidr: IPv4Network
    min_prefix: int
    max_prefix: int

    def __str__(self) -> str:
        return f"{self.cidr} (/{self.min_prefix}-/{self.max_prefix})"

    def allows(self, cidr: IPv4Network) -> bool:
        """Whether a VPC may have that block."""
        return cidr.subnet_of(self.cidr) and self.min_prefix <= cidr.prefixlen <= self.max_prefix


DEFAULT_RANGES = tuple(
    VpcRange(IPv4Network(block), 16, LONGEST_PREFIX)
    for block in ("10.0.0.0/16", "172.16.0.0/16", "192.168.0.0/16")
)

#: This host, "this network" and link-local (where first-boot metadata lives) cannot be routed, whatever the admin says.
NEVER = tuple(IPv4Network(block) for block in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"))


def allowed_ranges() -> Sequence[VpcRange]:
    """Return what the admin set, or the defaults."""
    rows = AllowedRange.objects.all()
    return [VpcRange(row.cidr, row.min_prefix, row.max_prefix) for row in rows] or DEFAULT_RANGES


def parse_cidr(text: str, field: str = "cidr") -> IPv4Network:
    """Return the IPv4 block. Raises Invalid at `field`, with the likely meaning when host bits are set."""
    try:
        block = read_network(text.strip())
    except MaskNotation as error:
        raise not_a_mask(field, error) from None
    except ValueError:
        raise Invalid({field: [_("Not a CIDR block such as 10.0.0.0/16.")]}) from None
    if not isinstance(block, IPv4Network) or "/" not in text:
        raise Invalid({field: [_("Not an IPv4 CIDR block such as 10.0.0.0/16.")]})
    if str(block.network_address) != text.strip().split("/")[0]:
        raise Invalid({field: [_("Host bits are set. Did you mean %(block)s?") % {"block": block}]})
    return block


def vpc_block(text: str) -> IPv4Network:
    """Return the block as a VPC's. Raises Invalid."""
    block = parse_cidr(text)
    _refuse_unroutable(block)
    ranges = allowed_ranges()
    if not any(allowed.allows(block) for allowed in ranges):
        listed = ", ".join(str(allowed) for allowed in ranges)
        raise Invalid({"cidr": [_("Not allowed for VPCs. Allowed: %(ranges)s.") % {"ranges": listed}]})
    return block


def subnet_block(text: str, vpc_cidr: IPv4Network, field: str = "cidr") -> IPv4Network:
    """Return the block as a subnet's of that VPC. Raises Invalid."""
    block = parse_cidr(text, field)
    if block.prefixlen > LONGEST_PREFIX:
        raise Invalid({field: [_("Too small: a subnet must be /%(n)s or larger.") % {"n": LONGEST_PREFIX}]})
    if not block.subnet_of(vpc_cidr):
        raise Invalid({field: [_("Not inside the VPC’s CIDR block %(block)s.") % {"block": vpc_cidr}]})
    return block


def range_of(text: str, min_prefix: int, max_prefix: int, field: str = "cidr") -> VpcRange:
    """Return a range an admin typed. Raises Invalid at `field`."""
    block = parse_cidr(text, field)
    _refuse_unroutable(block, field)
    if not max(block.prefixlen, SHORTEST_PREFIX) <= min_prefix <= max_prefix <= LONGEST_PREFIX:
        raise Invalid(
            {
                field: [
                    _("The prefix length must be from /%(first)s to /%(last)s.")
                    % {"first": max(block.prefixlen, SHORTEST_PREFIX), "last": LONGEST_PREFIX}
                ]
            }
        )
    return VpcRange(block, min_prefix, max_prefix)


def _refuse_unroutable(block: IPv4Network, field: str = "cidr") -> None:
    for never in NEVER:
        if block.overlaps(never):
            raise Invalid({field: [_("%(never)s cannot be used in a VPC.") % {"never": never}]})
