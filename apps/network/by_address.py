"""Finding NICs by address, IPv4 or IPv6."""

from __future__ import annotations

from django.db.models import Q


def at_address(text: str) -> Q:
    """Return the condition that a NIC has this address."""
    return Q(ip6=text) if ":" in text else Q(ip=text)


def address_starts(text: str, path: str = "") -> Q:
    """Return the condition that an address of a NIC starts so; `path` leads to the NIC."""
    return Q(**{f"{path}ip__istartswith": text}) | Q(**{f"{path}ip6__istartswith": text})
