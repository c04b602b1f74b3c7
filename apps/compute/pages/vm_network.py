"""The tab with a VM's NICs and EIPs: addresses, groups, limits, and by which of them it leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from apps.compute.models import Vm
from apps.compute.pages.vm_eips import vm_eips
from apps.compute.pages.vm_elastic_nics import vm_elastic_nics
from apps.network.models import Nic, NicRole
from apps.network.pages.enis import limits_text
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer

#: Actions that stand beside each NIC.
BUTTONS = ("set_security_group", "set_nic_bandwidth")


@dataclass(frozen=True)
class NicLine:
    """A NIC of the VM, with its actions. limits: in words."""

    nic: Nic
    name: str
    limits: str
    offers: list[Offer]


def _line(page: DetailPage, vm: Vm, nic: Nic) -> NicLine:
    """Return a NIC with the actions of the VM that ask about it first."""
    offers = page.of.offers(page.rights, vm, page.area, only=BUTTONS)
    asked = [replace(offer, url=f"{offer.url}?role={nic.role}") for offer in offers]
    if nic.subnet and nic.subnet.cidr6 and not nic.ip6 and nic.role == NicRole.INTERNAL:
        # In front, so that those of both NICs are below each other.
        asked = [*page.of.offers(page.rights, vm, page.area, only=("add_ipv6",)), *asked]
    return NicLine(nic, nic.get_role_display(), limits_text(nic), asked)


def vm_network(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's NICs, its EIPs and its elastic NICs."""
    return {
        "nics": [_line(page, vm, nic) for nic in vm.shown_nics],
        "check_url": f"{page.area}:reachability",
        **vm_eips(page, vm),
        **vm_elastic_nics(page, vm),
    }
