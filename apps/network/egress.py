"""Where connections that a VM begins leave the region (EI-4)."""

from __future__ import annotations

from collections.abc import Iterable

from apps.network.models import Eip


def default_egress(eips: Iterable[Eip], version: int = 4) -> Eip | None:
    """Return the EIP by which all leaves that no other route is for; None: what has no route does not leave.

    `eips` are those of one carrier, the one bound first first. Of those whose segment has a default route it is the one
    that was picked, else the first. Each IP version has its own.
    """
    able = [eip for eip in eips if eip.version == version and eip.segment.has_default_route]
    picked = (eip for eip in able if eip.is_egress)
    return next(picked, None) or next(iter(able), None)


def leaves_in_guest(eips: Iterable[Eip]) -> bool:
    """Whether the default egress (IPv4) is an address in the guest: then the internal NIC has no default route."""
    egress = default_egress(eips)
    return egress is not None and egress.delivery == Eip.Delivery.GUEST
