"""Data disks that are created with a VM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.models import Project
from apps.compute.models import InstanceType, Vm
from apps.compute.quota import vm_amounts
from apps.compute.services.disk_attachment import MOST_DISKS
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.infrastructure.need import Need
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, Refused
from apps.storage.models import Disk
from apps.storage.models.disk import SYSTEM_SLOT
from apps.storage.qos import set_effective
from apps.storage.services.create_plan import checked_size, chosen_cluster


@dataclass(frozen=True)
class NewDisk:
    """One disk to be created, checked."""

    cluster: StorageCluster
    size_gib: int


def new_data_disks(
    actor: Actor, project: Project, asked: Sequence[Mapping[str, Any]], kind: InstanceType | None
) -> list[NewDisk]:
    """Return what was requested, each with its `size_gib` and `cluster`. Raises Invalid, Refused."""
    if kind is not None:
        most = MOST_DISKS[ComputeCluster.Architecture(kind.cluster.architecture)]
        if len(asked) > most:
            raise Invalid({"data_disks": [_("At most %(most)s data disks for this VM.") % {"most": most}]})
    return [_checked(actor, project, each, kind, f"data_disks.{number}") for number, each in enumerate(asked)]


def new_vm_amounts(need: Need, disk_gib: int, disks: Sequence[NewDisk], count: int) -> dict[str, int]:
    """Return metric → units of `count` such VMs with all their disks."""
    amounts = Counter(vm_amounts(need, disk_gib, count))
    amounts.update({"disk": count * len(disks), "disk_gib": count * sum(disk.size_gib for disk in disks)})
    return dict(amounts)


def rows_of(vm: Vm, disks: Sequence[NewDisk]) -> list[Disk]:
    """Return the rows of a new VM's data disks, in the order in which they were named."""
    rows = [
        Disk(
            kind="disk",
            name=f"{vm.name[:56]}-data{number}",
            tenant_id=vm.tenant_id,
            project_id=vm.project_id,
            region_id=vm.region_id,
            cluster=disk.cluster,
            size_gib=disk.size_gib,
            vm_id=vm.id,
            slot=SYSTEM_SLOT + number,
        )
        for number, disk in enumerate(disks, 1)
    ]
    for row in rows:
        set_effective(row)
    return rows


def _checked(
    actor: Actor, project: Project, asked: Mapping[str, Any], kind: InstanceType | None, where: str
) -> NewDisk:
    try:
        cluster = chosen_cluster(actor, project, asked.get("cluster"), None)
        size = checked_size(asked.get("size_gib"), cluster, None)
    except Invalid as error:
        raise Invalid({f"{where}.{name}": texts for name, texts in error.fields.items()}) from None
    except Refused as error:
        error.field = f"{where}.{error.field}"
        raise
    if kind is not None:
        ensure_one_region(kind.cluster, cluster, field=f"{where}.cluster")
    return NewDisk(cluster, size)
