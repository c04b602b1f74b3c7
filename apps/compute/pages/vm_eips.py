"""The part of a VM's network tab with its EIPs, its default egress, and the EIPs that can be bound to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from apps.compute.eip_carrier import why_delivered
from apps.compute.models import Vm
from apps.lifecycle.models import State
from apps.lifecycle.selectors import with_open_operations
from apps.network.delivery_texts import delivery_text
from apps.network.egress import default_egress, leaves_in_guest
from apps.network.external_specs import GATEWAYS
from apps.network.models import Eip
from apps.network.pages.eips import EIP
from apps.network.segment_texts import routes_text
from apps.network.verbs.eip import EIP_BIND, EIP_CREATE
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer

#: Actions that stand beside each EIP; all others are on its own page.
BUTTONS = ("unbind", "pick_egress", "set_bandwidth")
#: So many that could be bound are named; the list has all.
FREE_SHOWN = 5


@dataclass(frozen=True)
class EipLine:
    """An EIP, with the actions that stand beside it.

    delivery: how it reaches the guest, and why so. egress: whether it is the default egress of its IP version.
    """

    row: Eip
    routes: str
    offers: list[Offer]
    delivery: str = ""
    egress: bool = False


def vm_eips(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's EIPs in the order in which they were bound, its default egress, and what could be bound."""
    rows = with_open_operations(EIP.visible(page.actor).filter(carrier=vm.pk)).order_by("bound_at", "pk")
    eips = list(rows)
    egress = {version: default_egress(vm.shown_eips, version) for version in (4, 6)}
    leaving = {eip.pk for eip in egress.values() if eip is not None}
    why, suits = vm.why_not_configured, why_delivered(vm.pk) if eips else ""
    may_create = page.rights.covers(EIP_CREATE, vm.project_id, vm.tenant_id)
    return {
        "eips": [
            replace(
                _line(page, eip, BUTTONS),
                delivery=delivery_text(eip.delivery, chosen=eip.delivery_chosen, why=suits),
                egress=eip.pk in leaving,
            )
            for eip in eips
        ],
        "in_guest": any(eip.delivery == Eip.Delivery.GUEST for eip in eips),
        "why_not_configured": _(why) if why else "",
        "manual": GATEWAYS if why and vm.is_on else None,
        "translated": next(filter(_is_translated, eips), None),
        "leaves_in_guest": leaves_in_guest(vm.shown_eips),
        "egress": [eip.address for eip in egress.values() if eip is not None],
        "egress_v4": egress[4],
        "create_eip": EIP.create_url(page.area) if may_create else "",
        **_free(page, vm),
    }


def _is_translated(eip: Eip) -> bool:
    return eip.delivery == Eip.Delivery.TRANSLATED and eip.version == 4


def _free(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the EIPs of the VM's region that are bound to nothing."""
    free = EIP.visible(page.actor).filter(
        carrier=None, leaving=[], state=State.READY, region_id=vm.region_id, tenant_id=vm.tenant_id
    )
    some = list(with_open_operations(free).order_by("name", "pk")[: FREE_SHOWN + 1])
    query = urlencode({"bound": "false", "region": vm.region.name if vm.region else ""})
    return {
        "free_eips": [_line(page, eip, ("bind",)) for eip in some[:FREE_SHOWN]],
        "may_bind_eip": page.rights.covers_row(EIP_BIND, vm) and vm.state == State.READY,
        "more_free_eips": f"{EIP.url(page.area, 'list')}?{query}" if len(some) > FREE_SHOWN else "",
    }


def _line(page: DetailPage, eip: Eip, only: tuple[str, ...]) -> EipLine:
    return EipLine(eip, routes_text(eip.segment), EIP.offers(page.rights, eip, page.area, only=only))
