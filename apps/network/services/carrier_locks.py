"""Starting a verb on an EIP: its carriers are locked first, so that their verbs and those of EIPs never deadlock."""

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
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Change, takes_turns
from apps.lifecycle.verbs import Verb, verb_named
from apps.network.models import Eip

P = ParamSpec("P")
T = TypeVar("T")


def changes_eip(
    verb: Verb,
) -> Callable[[Callable[Concatenate[Change[Eip], P], T]], Callable[Concatenate[Actor, Eip, P], T]]:
    """As `accounts.acts.changes`, for verbs of an EIP. A value `carrier` is a resource to be locked, too."""

    def bind(function: Callable[Concatenate[Change[Eip], P], T]) -> Callable[Concatenate[Actor, Eip, P], T]:
        @wraps(function)
        def service(actor: Actor, row: Eip, /, *args: P.args, **values: P.kwargs) -> T:
            with transaction.atomic():
                held = lock_carriers(actor, row.pk, values.get("carrier"))
                change = begin(actor, verb, Eip(pk=row.pk))
                ensure_held(change.row, held)
                return function(change, *args, **values)

        return serves(verb)(service)

    return bind


def lock_carriers(actor: Actor, eip: UUID, *named: Any) -> set[UUID]:
    """Lock the carriers that the EIP has or had, and those named that the actor may see; return their ids."""
    had: set[UUID] = set()
    for carrier, leaving in Eip.objects.filter(pk=eip).values_list("carrier", "leaving"):
        had = {*leaving, *([carrier] if carrier else [])}
    wanted = {UUID(str(pk)) for pk in named if pk}
    if not had | wanted:
        return set()
    seen = set(visible(actor, Resource.objects.filter(pk__in=wanted)).values_list("pk", flat=True))
    rows = Resource.objects.filter(pk__in=had | seen).order_by("pk").select_for_update(no_key=True)
    return set(rows.values_list("pk", flat=True))


def ensure_held(eip: Eip, held: set[UUID]) -> None:
    """Raise Busy where the EIP has been bound since its carriers were looked up."""
    if eip.carrier_id is not None and eip.carrier_id not in held:
        raise Busy(_("The EIP was changed at the same time."), hint=_("Nothing was changed. Retry."))


def beside(change: Change[Any], *ids: UUID | None) -> list[Resource]:
    """Return the carriers that an operation on an EIP holds as well, of those that still exist; they are locked.

    Raises Busy if another operation holds one, unless both take turns.
    """
    carriers = list(Resource.objects.filter(pk__in=[pk for pk in ids if pk is not None]).order_by("pk"))
    for carrier in carriers:
        held = holding([carrier])
        if takes_turns(change.verb, change.row, held):
            continue
        for operation in held:
            if operation.target_id != change.row.pk:
                raise Busy(
                    _("%(name)s is in use: %(doing)s is still running.")
                    % {"name": carrier.name, "doing": verb_named(operation.verb).doing},
                    hint=_("Nothing was changed. Wait until it has finished, then retry."),
                    details={"operation": str(operation.pk)},
                )
    return carriers
