"""Starting a verb on what is bound to other resources: a disk, an EIP or an elastic NIC to a VM.

The others are locked first, so that their verbs and those of what is bound to them never wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import begin, visible
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Busy
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.verbs import Text, Verb, verb_named

P = ParamSpec("P")
R = TypeVar("R", bound=Resource)
T = TypeVar("T")


@dataclass(frozen=True)
class BoundKind(Generic[R]):
    """A kind whose rows are bound to others.

    others: the ids of those that a row is, was or will be bound to. value: what services call another one that they
    take. changed: says that a row was changed while it was waited for.
    """

    model: type[R]
    others: Callable[[R], set[UUID]]
    value: str
    changed: Text

    def changes(
        self, verb: Verb
    ) -> Callable[[Callable[Concatenate[Change[R], P], T]], Callable[Concatenate[Actor, R, P], T]]:
        """As `accounts.acts.changes`, the others locked first."""

        def bind(function: Callable[Concatenate[Change[R], P], T]) -> Callable[Concatenate[Actor, R, P], T]:
            @wraps(function)
            def service(actor: Actor, row: R, /, *args: P.args, **values: P.kwargs) -> T:
                with transaction.atomic():
                    held = self.lock_others(actor, row.pk, values.get(self.value))
                    change = begin(actor, verb, self.model(pk=row.pk))
                    self.ensure_held(change.row, held)
                    return function(change, *args, **values)

            return serves(verb)(service)

        return bind

    def lock_others(self, actor: Actor, pk: UUID, *named: Any) -> set[UUID]:
        """Lock the others of a row, and those named that the actor may see; return their ids."""
        row = cast(R | None, self.model._default_manager.filter(pk=pk).first())
        known = self.others(row) if row is not None else set()
        wanted = {UUID(str(one)) for one in named if one}
        if not known | wanted:
            return set()
        rows = visible(actor, Resource.objects.filter(pk__in=wanted)) | Resource.objects.filter(pk__in=known)
        locked = rows.order_by("pk").select_for_update(of=("self",), no_key=True)
        return known | set(locked.values_list("pk", flat=True))

    def ensure_held(self, row: R, held: set[UUID]) -> None:
        """Raise Busy where the row has been bound since its others were looked up."""
        if self.others(row) - held:
            raise Busy(str(self.changed), hint=_("Nothing was changed. Retry."))


def busy_with(row: Resource, operation: Operation) -> Busy:
    """Return the refusal that names what holds the row."""
    return Busy(
        _("%(name)s is in use: %(doing)s is still running.")
        % {"name": row.name, "doing": verb_named(operation.verb).doing},
        hint=_("Nothing was changed. Wait until it has finished, then retry."),
        details={"operation": str(operation.pk)},
    )
