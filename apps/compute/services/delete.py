"""Deleting VMs, and what becomes of their disks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import ensure_may
from apps.accounts.acts import changes
from apps.compute.models import Power, Vm
from apps.compute.services.image_capture import ensure_not_captured
from apps.compute.verbs import VM_DELETE
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import is_being_removed
from apps.network.services.carried import hold_eips
from apps.network.verbs.eip import EIP_DELETE
from apps.storage.models import Disk
from apps.storage.services.disk import ensure_deletable
from apps.storage.verbs import DISK_DELETE


@changes(VM_DELETE)
def delete_vm(
    change: Change[Vm],
    *,
    delete_disks: Sequence[UUID | str] = (),
    with_snapshots: bool = False,
    release_eips: bool = False,
) -> Operation:
    """Delete a VM with its system disk and NICs, whatever else is going on with it (VM-10).

    Its data disks are detached and stay, but for those in `delete_disks`; its EIPs are unbound and stay unless
    `release_eips`. Raises Invalid (field "delete_disks") for others than its own, and InUse naming snapshots unless
    `with_snapshots`, or images that are being created from it.
    """
    vm = change.row
    ensure_not_captured(vm)
    named = {str(pk) for pk in delete_disks}
    doomed = _named(change, named)
    also: list[Resource] = [*doomed]
    for disk in [*vm.disks.filter(role=Disk.Role.SYSTEM), *doomed]:
        also += ensure_deletable(disk, with_snapshots=with_snapshots)
    eips = hold_eips(vm.pk)
    for eip in eips if release_eips else ():
        ensure_may(change.actor, EIP_DELETE, eip.project_id, eip.tenant_id, eip.pk)
    also += eips
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    change.bump()
    args: dict[str, Any] = {"delete_disks": sorted(named), "with_snapshots": with_snapshots}
    if eips:
        args["release_eips"] = release_eips
    return change.request(args=args, also=also)


def _named(change: Change[Vm], named: set[str]) -> list[Disk]:
    """Return the data disks that are to be deleted with the VM, locked. Raises Invalid, Forbidden or Refused."""
    if not named:
        return []
    own = Disk.objects.filter(vm=change.row, role=Disk.Role.DATA, pk__in=named).order_by("pk")
    list(Resource.objects.filter(pk__in=own.values("pk")).order_by("pk").select_for_update(no_key=True))
    found = list(own)
    if missing := sorted(named - {str(disk.pk) for disk in found}):
        text = _("Not a data disk of this VM: %(ids)s.") % {"ids": ", ".join(missing)}
        raise Invalid({"delete_disks": [text]})
    for disk in found:
        ensure_may(change.actor, DISK_DELETE, disk.project_id, disk.tenant_id, disk.pk)
        if is_being_removed(disk):
            raise Refused(
                _("%(name)s is already being deleted.") % {"name": disk.name}, code="operation.busy"
            )
    return found
