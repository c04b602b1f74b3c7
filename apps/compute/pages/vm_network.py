"""The tab with a VM's NICs and EIPs: addresses, groups, limits, and by which of them it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from apps.compute.models import Vm
from apps.compute.pages.vm_eips import vm_eips
from apps.compute.pages.vm_elastic_nics import vm_elastic_nics
from apps.network.models import Nic
from apps.network.pages.enis import limits_text
from apps.portal.detail import DetailPage


@dataclass(frozen=True)
class NicLine:
    """A NIC of the VM. limits: in words."""

    nic: Nic
    limits: str


def vm_network(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's NICs, its EIPs and its elastic NICs."""
    return {
        "nics": [NicLine(nic, limits_text(nic)) for nic in vm.shown_nics],
        "actions": page.of.offers(
            page.rights, vm, page.area, only=("set_security_group", "set_nic_bandwidth")
        ),
        "check_url": f"{page.area}:reachability",
        **vm_eips(page, vm),
        **vm_elastic_nics(page, vm),
    }
