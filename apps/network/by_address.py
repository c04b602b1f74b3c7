"""Finding rows by address or block, IPv4 or IPv6."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import Q


def at_address(text: str) -> Q:
    """Return the condition that a NIC has this address."""
    return Q(ip6=text) if ":" in text else Q(ip=text)


def starts(*columns: str) -> Callable[[str], Q]:
    """Return what makes, of a text, the condition that one of the columns starts so; case does not matter."""

    def condition(text: str) -> Q:
        # PostgreSQL writes addresses in lower case; `istartswith` compares them with the text in upper case.
        found = Q()
        for column in columns:
            found |= Q(**{f"{column}__startswith": text.strip().lower()})
        return found

    return condition
