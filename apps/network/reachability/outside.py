"""The way to an EIP: out by one of the sender's own EIPs, and in by the edge of its region."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apps.network.egress import default_egress
from apps.network.models import Eip
from apps.network.reachability.fabric import troubles
from apps.network.reachability.steps import End, Result, Step

if TYPE_CHECKING:
    from apps.network.reachability.path import Path


@dataclass(frozen=True)
class Outside:
    """eip: what is called; leaving: what the sender leaves by, None where nothing leads there."""

    eip: Eip
    leaving: Eip | None

    def ip(self, end: End) -> IPv4Address | IPv6Address | None:
        """Return the address that is seen of an end."""
        eip = self.leaving if end is End.FROM else self.eip
        return ip_address(eip.address) if eip is not None else None


def leaves_by(eips: Sequence[Eip], target: Eip) -> Eip | None:
    """Return by which of its EIPs a VM reaches a target: by a route of its own, else by the default egress."""
    address, version = ip_address(target.address), target.version
    for eip in eips:
        named = (route for route in eip.segment.routes if route.prefixlen)
        if eip.version == version and any(address in route for route in named):
            return eip
    return default_egress(eips, version)


def egress_steps(path: Path) -> Iterable[Step]:
    """Say by what the sender leaves its region's private networks, where the receiver is called by an EIP."""
    if path.outside is None:
        return []
    title, sender, leaving = _("Egress"), path.source.owner, path.outside.leaving
    if leaving is None:
        text = _("%(name)s has no default egress and no route to %(address)s.")
        hint = _("Bind an EIP from a segment with a default route to the VM, or use the private address.")
        names = {"name": sender.name, "address": path.outside.eip.address}
        return [Step("egress.none", Result.BLOCKED, title, text % names, hint, resource=sender, end=End.FROM)]
    names = {"name": sender.name, "address": leaving.address}
    text = _("Traffic of %(name)s leaves through its EIP %(address)s.") % names
    trouble = next(troubles(path, leaving, title, End.FROM), None)
    return [trouble or Step("egress.eip", Result.OK, title, text, resource=leaving, end=End.FROM)]


def eip_steps(path: Path) -> Iterable[Step]:
    """Say where the EIP leads that is called."""
    if path.outside is None:
        return []
    title, eip = _("EIP"), path.outside.eip
    names = {"address": eip.address, "name": path.target.owner.name, "way": eip.get_delivery_display()}
    text = _("EIP %(address)s is bound to %(name)s. Delivery: %(way)s.") % names
    trouble = next(troubles(path, eip, title, End.TO), None)
    return [trouble or Step("eip.bound", Result.OK, title, text, resource=eip, end=End.TO)]
