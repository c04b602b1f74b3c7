"""The part of a VM's network tab with its elastic NICs, and those that can be bound to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.compute.models import Vm
from apps.compute.services.eni_binding import MOST_NICS
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.models import State
from apps.lifecycle.selectors import with_open_operations
from apps.network.models import Eni
from apps.network.pages.enis import ENI, limits_text
from apps.network.verbs.eni import ENI_BIND, ENI_CREATE
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer

#: Actions that stand beside each; all others are on its own page.
BUTTONS = ("unbind", "set_security_group", "set_bandwidth")
#: So many that could be bound are named; the list has all.
FREE_SHOWN = 10


@dataclass(frozen=True)
class EniLine:
    """An elastic NIC of the VM, with the actions that stand beside it."""

    row: Eni
    limits: str
    offers: list[Offer]


def vm_elastic_nics(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's elastic NICs in the order of their slots, and those that could be bound."""
    rows = with_open_operations(ENI.visible(page.actor).filter(vm=vm.pk)).order_by("slot")
    lines = [
        EniLine(eni, limits_text(eni.nic), ENI.offers(page.rights, eni, page.area, only=BUTTONS))
        for eni in rows
    ]
    most = MOST_NICS[ComputeCluster.Architecture(vm.cluster.architecture)]
    return {"elastic": lines, "elastic_most": most, **_free(page, vm, len(lines) < most)}


def _free(page: DetailPage, vm: Vm, has_room: bool) -> dict[str, Any]:
    """Return the elastic NICs of the VM's region that no VM has."""
    rights = page.rights
    free = ENI.visible(page.actor).filter(
        vm=None, state=State.READY, region_id=vm.region_id, tenant_id=vm.tenant_id
    )
    some = list(with_open_operations(free).order_by("name", "pk")[: FREE_SHOWN + 1])
    query = urlencode({"bound": "false", "region": vm.region.name if vm.region else ""})
    may_create = rights.covers(ENI_CREATE, vm.project_id, vm.tenant_id)
    return {
        "free_enis": [(eni, _bind(page, eni)) for eni in some[:FREE_SHOWN]],
        "may_bind": has_room and rights.covers_row(ENI_BIND, vm) and vm.state == State.READY,
        "more_enis": f"{ENI.url(page.area, 'list')}?{query}" if len(some) > FREE_SHOWN else "",
        "create_eni": ENI.create_url(page.area) if may_create else "",
    }


def _bind(page: DetailPage, eni: Eni) -> Offer | None:
    return next(iter(ENI.offers(page.rights, eni, page.area, only=("bind",))), None)
