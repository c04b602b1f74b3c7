"""Starting a verb on a disk: its VM is locked first, so that verbs of VMs and of disks cannot wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import begin, visible
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change, takes_turns
from apps.lifecycle.usable import hold_for_use, is_being_removed
from apps.lifecycle.verbs import Verb, removes, verb_named
from apps.storage.models import Disk, Snapshot

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Resource)


def changes_disk(
    verb: Verb,
) -> Callable[[Callable[Concatenate[Change[Disk], P], T]], Callable[Concatenate[Actor, Disk, P], T]]:
    """As `accounts.acts.changes`, for verbs of a disk that may be attached. A value `vm` is a VM to be locked, too."""

    def bind(function: Callable[Concatenate[Change[Disk], P], T]) -> Callable[Concatenate[Actor, Disk, P], T]:
        @wraps(function)
        def service(actor: Actor, row: Disk, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                held = lock_vms(actor, row.pk, values.get("vm"))
                change = begin(actor, verb, row)
                change = _with_own_row(change, Disk)
                ensure_held(change.row, held)
                return function(change, *args, **values)

        return serves(verb)(service)

    return bind


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
                change = begin(actor, verb, row)
                change = _with_own_row(change, Snapshot)
                ensure_held(change.row.disk, held)
                return function(change, *args, **values)

        return serves(verb)(service)

    return bind


def _with_own_row(change: Change[R], model: type[R]) -> Change[R]:
    """Return the change of the kind's own row: some ask who know resources only."""
    row: Resource = change.row
    return change if isinstance(row, model) else replace(change, row=cast(R, own_row(row)))


def lock_vms(actor: Actor, disk: UUID, *named: Any) -> set[UUID]:
    """Lock the VM that the disk is attached to, and those named that the actor may see; return their ids."""
    attached = Disk.objects.filter(pk=disk, vm__isnull=False).values_list("vm", flat=True)
    wanted = {*attached, *(pk for pk in named if isinstance(pk, UUID))}
    if not wanted:
        return set()
    rows = visible(actor, Resource.objects.filter(pk__in=wanted)) | Resource.objects.filter(pk__in=attached)
    return set(rows.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))


def ensure_held(disk: Disk, held: set[UUID]) -> None:
    """Raise Busy where the disk has been attached since its VM was looked up."""
    if disk.vm_id is not None and disk.vm_id not in held:
        raise Busy(_("The disk was changed at the same time."), hint=_("Nothing was changed. Retry."))


def ensure_free(row: Resource, *, but: Resource) -> None:
    """Raise Busy when an operation holds the row that is not one on `but`.

    For verbs that supersede, which would push it aside.
    """
    for operation in holding([row]):
        if operation.target_id != but.pk:
            raise busy_with(row, operation.verb, str(operation.pk))


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


def busy_with(row: Resource, verb: str, operation: str) -> Busy:
    """Return the refusal that names what holds the row."""
    return Busy(
        _("%(name)s is in use: %(doing)s is still running.")
        % {"name": row.name, "doing": verb_named(verb).doing},
        hint=_("Nothing was changed. Wait until it has finished, then retry."),
        details={"operation": operation},
    )


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
            raise busy_with(vm, operation.verb, str(operation.pk))
    return [vm]
