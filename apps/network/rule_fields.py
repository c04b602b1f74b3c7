"""The single values of a rule as people type it: addresses and choices."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext as _

from apps.accounts.cidr import MaskNotation, not_a_mask, read_network
from apps.lifecycle.errors import Invalid

#: IPv4 addresses in the notation of IPv6 (RFC 4291, 2.5.5.2): no packet of the network carries one.
IPV4_MAPPED = IPv6Network("::ffff:0:0/96")


class Field:
    """One value of an entry, as text."""

    def __init__(self, name: str, entry: Mapping[str, Any]) -> None:
        self.name = name
        value = entry.get(name)
        self.text = "" if value is None else str(value).strip()

    def choice(self, choices: type[TextChoices], default: str = "") -> str:
        """Return one of the choices, however it is capitalised. Raises Invalid."""
        value = self.text.lower() or default
        if value not in choices.values:
            raise Invalid({self.name: [_("One of: %(choices)s.") % {"choices": ", ".join(choices.values)}]})
        return value

    def network(self) -> IPv4Network | IPv6Network:
        """Return the block; an address is the block of itself. Raises Invalid."""
        try:
            block = read_network(self.text)
        except MaskNotation as error:
            raise not_a_mask(self.name, error) from None
        except ValueError:
            raise Invalid(
                {self.name: [_("An address or CIDR block such as 192.0.2.7, 10.0.0.0/8 or ::/0.")]}
            ) from None
        _refuse_special(self.name, block, is_block="/" in self.text)
        if "/" in self.text and str(ip_address(self.text.split("/")[0])) != str(block.network_address):
            raise Invalid({self.name: [_("Host bits are set. Did you mean %(block)s?") % {"block": block}]})
        return block


def _refuse_special(name: str, block: IPv4Network | IPv6Network, *, is_block: bool) -> None:
    """Refuse blocks that are never the other side of a connection, or not in the way they were written."""
    first = block.network_address
    if first.is_unspecified and block.prefixlen == block.max_prefixlen:
        raise _mistaken(name, _("%(address)s cannot be the address of a machine."), first, f"{first}/0")
    if isinstance(block, IPv6Network) and block.subnet_of(IPV4_MAPPED):
        inner = IPv4Network((int(first) & 0xFFFFFFFF, block.prefixlen - IPV4_MAPPED.prefixlen), strict=False)
        meant = str(inner if is_block else inner.network_address)
        raise _mistaken(
            name, _("%(address)s is an IPv4 address written as IPv6."), block if is_block else first, meant
        )
    if block.is_multicast:
        raise Invalid({name: [_("Multicast addresses cannot be used in rules.")]})
    if block.is_loopback:
        raise Invalid({name: [_("Loopback addresses are local to one machine. Enter the peer’s address.")]})


def _mistaken(name: str, cause: str, address: object, meant: str) -> Invalid:
    hint = _("Did you mean %(address)s?") % {"address": meant}
    return Invalid({name: [f"{cause % {'address': address}} {hint}"]})
