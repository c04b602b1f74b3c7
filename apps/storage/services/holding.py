"""Starting a verb on a disk or a snapshot: the VM is locked first, and then the disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import begin
from apps.accounts.bound import BoundKind, busy_with
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import NotNow
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change, takes_turns
from apps.lifecycle.usable import hold_for_use, is_being_removed
from apps.lifecycle.verbs import Verb, removes
from apps.storage.models import Disk, Snapshot

P = ParamSpec("P")
T = TypeVar("T")


def _vms(disk: Disk) -> set[UUID]:
    return {disk.vm_id} if disk.vm_id is not None else set()


BOUND_DISK = BoundKind(Disk, _vms, "vm", gettext_lazy("The disk was changed at the same time."))
changes_disk = BOUND_DISK.changes
lock_vms = BOUND_DISK.lock_others


def changes_snapshot(
    verb: Verb,
) -> Callable[[Callable[Concatenate[Change[Snapshot], P], T]], Callable[Concatenate[Actor, Snapshot, P], T]]:
    """As `changes_disk`, for verbs of a snapshot that hold its disk and the disk's VM: these are locked first."""

    def bind(
        function: Callable[Concatenate[Change[Snapshot], P], T],
    ) -> Callable[Concatenate[Actor, Snapshot, P], T]:
        @wraps(function)
        def service(actor: Actor, row: Snapshot, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                disk = Snapshot.objects.values_list("disk", flat=True).filter(pk=row.pk).first()
                held = lock_vms(actor, disk) if disk else set()
                list(Resource.objects.filter(pk__in=[disk]).select_for_update(no_key=True).values_list("pk"))
                change = begin(actor, verb, Snapshot(pk=row.pk))
                BOUND_DISK.ensure_held(change.row.disk, held)
                return function(change, *args, **values)

        return serves(verb)(service)

    return bind


def ensure_free(row: Resource, *, but: Resource) -> None:
    """Raise Busy when an operation holds the row that is not one on `but`.

    For verbs that supersede, which would push it aside.
    """
    for operation in holding([row]):
        if operation.target_id != but.pk:
            raise busy_with(row, operation)


def hold_source(disk: Disk, snapshot: Snapshot | None) -> None:
    """Lock what new disks get their data from, until the transaction ends. Its VM must be locked already.

    Raises NotNow for what is not ready or is being removed, by itself or with its VM or disk: a copy whose source has
    gone would be blank.
    """
    rows: list[Resource] = [disk, *([snapshot] if snapshot is not None else [])]
    for row in rows:  # in the order in which deleting a disk locks them
        hold_for_use(row)
    going = any(removes(operation.verb) for operation in holding(rows))
    vm = Disk.objects.select_related("vm").get(pk=disk.pk).vm
    if going or (disk.is_system and vm is not None and is_being_removed(vm)):
        raise NotNow(_("%(name)s is being deleted.") % {"name": rows[-1].name}, hint=_("Choose another one."))


def beside(change: Change[Any], disk: Disk) -> list[Resource]:
    """Return what an operation on the disk holds as well: the VM that has it, already locked.

    Raises Busy if another operation holds the VM, unless both take turns.
    """
    vm = disk.vm
    if vm is None:
        return []
    held = holding([vm])
    if not takes_turns(change.verb, change.row, held):
        for operation in held:
            raise busy_with(vm, operation)
    return [vm]
