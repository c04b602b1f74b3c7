"""Reading CIDR blocks: an address and a prefix length.

Python's own reader also takes a netmask, and a host mask, as if each were a prefix length.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid

#: Masks that mean one thing as a netmask and the opposite as a host mask.
_AMBIGUOUS = ("0.0.0.0", "255.255.255.255")  # noqa: S104 - no address to listen at


class MaskNotation(ValueError):
    """The block has a mask, or an oddly written number, instead of a prefix length.

    meant: the block in CIDR notation; None where the mask has two meanings.
    """

    def __init__(self, text: str, meant: IPv4Network | IPv6Network | None) -> None:
        super().__init__(f"{text}: not a prefix length")
        self.meant = meant


def read_network(text: str, *, strict: bool = False) -> IPv4Network | IPv6Network:
    """Return the block that the text is; an address is the block of itself. Host bits are cut off, strictly refused.

    Raises ValueError, as MaskNotation for 10.0.0.0/0.0.0.255, 10.0.0.0/255.255.255.0 and 10.0.0.0/024.
    """
    # Without the zone that Python takes (fe80::1%eth0): neither PostgreSQL nor OVN does.
    block = ip_network(text.replace("%", "?"), strict=strict)
    _address, slash, length = text.partition("/")
    if slash and length != str(block.prefixlen):
        raise MaskNotation(text, None if length in _AMBIGUOUS else block)
    return block


def not_a_mask(field: str, error: MaskNotation) -> Invalid:
    """Return the refusal of a mask at a field."""
    if error.meant is None:
        return Invalid({field: [_("Use a prefix length instead of a mask, such as 10.0.0.0/24.")]})
    text = _("Use a prefix length instead of a mask. Did you mean %(block)s?") % {"block": error.meant}
    return Invalid({field: [text]})
