"""The tab with a VM's NICs and EIPs: addresses, groups, limits, and by which of them it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.compute.models import Vm
from apps.compute.pages.vm_elastic_nics import vm_elastic_nics
from apps.lifecycle.selectors import with_open_operations
from apps.network.egress import default_egress
from apps.network.models import Eip, Nic
from apps.network.pages.eips import EIP, routes_text
from apps.network.pages.enis import limits_text
from apps.network.verbs.eip import EIP_CREATE
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer

#: Actions that stand beside each EIP; all others are on its own page.
BUTTONS = ("unbind", "pick_egress", "set_bandwidth")


@dataclass(frozen=True)
class NicLine:
    """A NIC of the VM. limits: in words."""

    nic: Nic
    limits: str


@dataclass(frozen=True)
class EipLine:
    """An EIP of the VM, with the actions that stand beside it."""

    row: Eip
    routes: str
    is_egress: bool
    offers: list[Offer]


def _actions(vm: Vm) -> tuple[str, ...]:
    """Return the actions beside the NICs; IPv6 only while there is some to add."""
    could = any(nic.subnet and nic.subnet.cidr6 and not nic.ip6 for nic in vm.shown_nics)
    return ("set_security_group", "set_nic_bandwidth", *(("add_ipv6",) if could else ()))


def vm_network(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's NICs, its EIPs in the order in which they were bound, and its default egress."""
    found = with_open_operations(EIP.visible(page.actor).filter(carrier=vm.pk)).order_by("bound_at", "pk")
    eips = list(found)
    egress = {version: default_egress(vm.shown_eips, version) for version in (4, 6)}
    leaving = {eip.pk for eip in egress.values() if eip is not None}
    why = vm.why_not_configured
    return {
        "nics": [NicLine(nic, limits_text(nic)) for nic in vm.shown_nics],
        "eips": [
            EipLine(
                eip,
                routes_text(eip.segment),
                eip.pk in leaving,
                EIP.offers(page.rights, eip, page.area, only=BUTTONS),
            )
            for eip in eips
        ],
        "in_guest": any(eip.delivery == Eip.Delivery.GUEST for eip in eips),
        "why_not_configured": _(why) if why else "",
        "egress": egress[4],
        "egress6": egress[6],
        "actions": page.of.offers(page.rights, vm, page.area, only=_actions(vm)),
        "create_eip": EIP.create_url(page.area)
        if page.rights.covers(EIP_CREATE, vm.project_id, vm.tenant_id)
        else "",
        "check_url": f"{page.area}:reachability",
        **vm_elastic_nics(page, vm),
    }
