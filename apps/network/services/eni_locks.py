"""Starting a verb on an elastic NIC: its VMs are locked first, so that their verbs and these never deadlock."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import begin, visible
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Busy
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.verbs import Verb
from apps.network.models import Eni

P = ParamSpec("P")
T = TypeVar("T")


def changes_eni(
    verb: Verb,
) -> Callable[[Callable[Concatenate[Change[Eni], P], T]], Callable[Concatenate[Actor, Eni, P], T]]:
    """As `accounts.acts.changes`, for verbs of an elastic NIC. A value `vm` is a VM to be locked, too."""

    def bind(function: Callable[Concatenate[Change[Eni], P], T]) -> Callable[Concatenate[Actor, Eni, P], T]:
        @wraps(function)
        def service(actor: Actor, row: Eni, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                held = lock_vms(actor, row.pk, values.get("vm"))
                change = begin(actor, verb, Eni(pk=row.pk))
                ensure_held(change.row, held)
                return function(change, *args, **values)

        return serves(verb)(service)

    return bind


def lock_vms(actor: Actor, eni: UUID, *named: Any) -> set[UUID]:
    """Lock the VMs that the NIC is, or is being, bound to, and those named that the actor may see; return their ids."""
    had: set[UUID] = set()
    for ids in Eni.objects.filter(pk=eni).values_list("vm", "next_vm"):
        had = {pk for pk in ids if pk is not None}
    wanted = {UUID(str(pk)) for pk in named if pk}
    if not had | wanted:
        return set()
    seen = set(visible(actor, Resource.objects.filter(pk__in=wanted)).values_list("pk", flat=True))
    rows = Resource.objects.filter(pk__in=had | seen).order_by("pk").select_for_update(no_key=True)
    return set(rows.values_list("pk", flat=True))


def ensure_held(eni: Eni, held: set[UUID]) -> None:
    """Raise Busy where the NIC has been bound since its VMs were looked up."""
    if {eni.vm_id, eni.next_vm_id} - {None} - held:
        raise Busy(_("The elastic NIC was changed at the same time."), hint=_("Nothing was changed. Retry."))
