"""What an administrator does to VMs and images whose rows and hosts differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q

from apps.accounts.acts import changes
from apps.compute.models import Image, Vm
from apps.compute.services.image_copy import stop_copying
from apps.compute.verbs import IMAGE_FORCE_CLEAN, VM_DELETE, VM_FORCE_CLEAN, VM_RESYNC, VM_ROLL_BACK
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.network.services.carried import hold_eips
from apps.reconciliation.acts import repairs
from apps.reconciliation.usage import ensure_not_needed
from apps.storage.models import Disk

#: Values: `definition` (unless False), `disks`, `power` (if True).
resync_vm = repairs(VM_RESYNC)
#: Makes the row match what is there: the power, or with the id of a `host`, where the VM is.
roll_back_vm = repairs(VM_ROLL_BACK)


@changes(IMAGE_FORCE_CLEAN)
def force_clean_image(change: Change[Image]) -> Operation:
    """Remove an image and its copies whatever state it is in. Raises InUse while something needs it."""
    ensure_not_needed(change.row)
    stop_copying(change)
    return change.request()


@changes(VM_FORCE_CLEAN)
def force_clean_vm(change: Change[Vm], *, delete_disks: Sequence[str] = ()) -> Operation:
    """Remove a VM whatever state it is in. Raises InUse while something needs it.

    Data disks that a deletion it pushes aside was to delete go with it: their volumes may be gone already.
    `delete_disks`: those of a force clean that failed.
    """
    ensure_not_needed(change.row)
    named = {*delete_disks}
    for operation in change.held:
        if operation.verb == VM_DELETE.name:
            named |= {*operation.args.get("delete_disks", ())}
    rows = Resource.objects.filter(as_disk__vm=change.row.pk, pk__in=named).order_by("pk")
    doomed = list(rows.select_for_update(of=("self",), no_key=True))
    for disk in doomed:
        ensure_not_needed(disk)
    # Held too, so that no deletion of one of them counts it a second time.
    of_system = Q(as_snapshot__disk__vm=change.row.pk, as_snapshot__disk__role=Disk.Role.SYSTEM)
    kept = Resource.objects.filter(of_system | Q(as_snapshot__disk__in=[disk.pk for disk in doomed]))
    also = [*doomed, *kept.order_by("pk").select_for_update(of=("self",), no_key=True)]
    also += hold_eips(change.row.pk)
    args: dict[str, Any] = {"delete_disks": sorted(named)} if named else {}
    if any(operation.args.get("release_eips") for operation in change.held):
        args["release_eips"] = True  # as the deletion that it pushes aside: some may be released already
    return change.request(args=args or None, also=also)
