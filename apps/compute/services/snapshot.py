"""Snapshots of all disks of a VM at one instant."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.acts import changes
from apps.accounts.bound import busy_with
from apps.accounts.labels import MAX_NAME, clean_labels
from apps.compute.models import Vm
from apps.compute.verbs import VM_SNAPSHOT_DISKS
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable
from apps.quotas.services import hold
from apps.storage.models import Disk, Snapshot
from apps.storage.services.snapshot import new_snapshot
from apps.storage.verbs import SNAPSHOT_CREATE


@changes(VM_SNAPSHOT_DISKS)
def snapshot_disks(
    change: Change[Vm], *, name: str, description: str = "", snapshots: Sequence[str] = ()
) -> Operation:
    """Take a snapshot of each disk of a VM, all at one instant; they share a group.

    `snapshots`: those of a request that failed, which are then taken. Raises Invalid, NotNow, Busy, QuotaExceeded.
    """
    vm = change.row
    own = Disk.objects.filter(vm=vm).order_by("pk")
    list(Resource.objects.filter(pk__in=own.values("pk")).order_by("pk").select_for_update(no_key=True))
    disks = list(own)
    ensure_usable(*disks)
    for operation in holding(disks):
        raise busy_with(vm, operation)
    name, description = clean_labels(name, description)
    rows = _again(disks, snapshots) or _new(change, disks, name, description)
    args = {"name": name, "description": description, "snapshots": [str(row.pk) for row in rows]}
    return change.request(args=args, also=[*disks, *rows])


def _new(change: Change[Vm], disks: Sequence[Disk], name: str, description: str) -> list[Snapshot]:
    if not disks:
        raise NotNow(_("The VM has no disk."))
    if change.row.tenant_id is not None:
        hold(change.row.tenant_id, ("snapshot",))
    group = uuid4()
    for disk in disks:
        allow(change.actor, SNAPSHOT_CREATE, project=disk.project, tenant_id=disk.tenant_id)
    return [new_snapshot(disk, _named(name, disk, disks), description, group=group) for disk in disks]


def _named(name: str, disk: Disk, disks: Sequence[Disk]) -> str:
    """Return the name of one disk's snapshot; the disk's number in the VM tells them apart."""
    end = f"-{disk.slot}" if len(disks) > 1 else ""
    return f"{name[: MAX_NAME - len(end)]}{end}"


def _again(disks: Sequence[Disk], snapshots: Sequence[str]) -> list[Snapshot]:
    """Return the snapshots of a request that failed, if they are one of each of these disks and none has been taken."""
    rows = Snapshot.objects.filter(pk__in=snapshots, state=State.ERROR, disk__in=disks)
    found = list(rows.order_by("pk").select_related("disk"))
    if not found or {row.disk_id for row in found} != {disk.pk for disk in disks}:
        return []
    Resource.objects.filter(pk__in=[row.pk for row in found]).update(state=State.PENDING, error={})
    return found
