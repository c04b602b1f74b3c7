"""The tab with a VM's disks: what each can do, and which others can be attached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.compute.models import Vm
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.models import State
from apps.lifecycle.selectors import with_open_operations
from apps.portal.detail import DetailPage
from apps.portal.kinds import Offer
from apps.storage.forms import limits_text
from apps.storage.models import Disk
from apps.storage.pages.disks import DISK
from apps.storage.verbs import DISK_ATTACH, DISK_CREATE

#: Actions that stand beside each disk; all others are on its own page.
BUTTONS = ("detach", "expand", "snapshot")
#: So many disks that could be attached are named; the list has all.
FREE_SHOWN = 10


@dataclass(frozen=True)
class DiskLine:
    """A disk of the VM, with the actions that stand beside it."""

    row: Disk
    limits: str
    offers: list[Offer]


def vm_disks(page: DetailPage, vm: Vm) -> dict[str, Any]:
    """Return the VM's disks in the order of their slots, and the disks that could be attached."""
    disks = with_open_operations(DISK.visible(page.actor).filter(vm=vm)).order_by("slot")
    lines = [
        DiskLine(disk, limits_text(disk), DISK.offers(page.rights, disk, page.area, only=BUTTONS))
        for disk in disks
    ]
    most = MOST_DISKS[ComputeCluster.Architecture(vm.cluster.architecture)]
    used = sum(not line.row.is_system for line in lines)
    take = next(iter(page.of.offers(page.rights, vm, page.area, only=("snapshot_disks",))), None)
    return {"lines": lines, "used": used, "most": most, "take": take, **_free(page, vm, used < most)}


def _free(page: DetailPage, vm: Vm, has_room: bool) -> dict[str, Any]:
    """Return the disks of the VM's region that no VM has."""
    rights = page.rights
    free = DISK.visible(page.actor).filter(
        vm=None, role=Disk.Role.DATA, state=State.READY, region_id=vm.region_id, tenant_id=vm.tenant_id
    )
    some = list(with_open_operations(free).order_by("name", "pk")[: FREE_SHOWN + 1])
    offers = [(disk, _attach(page, disk)) for disk in some[:FREE_SHOWN]]
    query = urlencode({"status": "available", "role": "data", "region": vm.region.name if vm.region else ""})
    may_create = rights.covers(DISK_CREATE, vm.project_id, vm.tenant_id)
    return {
        "free": offers,
        "has_room": has_room,
        "may_attach": rights.covers_row(DISK_ATTACH, vm) and vm.state == State.READY,
        "more_free": f"{DISK.url(page.area, 'list')}?{query}" if len(some) > FREE_SHOWN else "",
        "create_disk": DISK.create_url(page.area) if may_create else "",
    }


def _attach(page: DetailPage, disk: Disk) -> Offer | None:
    return next(iter(DISK.offers(page.rights, disk, page.area, only=("attach",))), None)
