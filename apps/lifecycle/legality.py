"""Whether a verb is possible on a resource now, and if not, why. One rule for services, API, pages and bulk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Busy, NotNow
from apps.lifecycle.models import Operation, OperationLock, Resource, State
from apps.lifecycle.stored_messages import rendered_message
from apps.lifecycle.verbs import Verb, verb_named, verbs_of


@dataclass(frozen=True)
class Possibility:
    """A verb and the reason why it is not possible now ("" when it is)."""

    verb: Verb
    code: str = ""
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the verb is possible now."""
        return not self.code


def open_operation(resource: Resource) -> Operation | None:
    """Return the operation that holds the resource, using what `with_open_operations` has read."""
    if resource.open_operation_read:
        return resource.open_operation
    return next(iter(holding([resource])), None)


def holding(resources: Sequence[Resource]) -> list[Operation]:
    """Return the open operations that hold any of the resources, as what they act on or beside it."""
    ids = [resource.pk for resource in resources]
    acting = Operation.objects.open().filter(resource__in=ids, exclusive=True).values("pk")
    beside = OperationLock.objects.filter(resource__in=ids).values("operation")
    # By their keys: an OR over both tables would read all open operations of the platform.
    return list(Operation.objects.open().filter(pk__in=acting.union(beside)))


def possibility(verb: Verb, resource: Resource, running: Operation | None) -> Possibility:
    """Judge one verb on a resource that `running` (or nothing) holds."""
    if running is not None and verb.exclusive:
        held = verb_named(running.verb)
        again = running.verb == verb.name and not verb.supersedes_itself
        if not verb.supersedes or held.rank > verb.rank or again:
            return Possibility(verb, Busy.code, _("%(doing)s is still running.") % {"doing": held.doing})
    if resource.state not in verb.states:
        return Possibility(verb, NotNow.code, _state_reason(resource))
    # An obstacle judges a row at rest: what pushes an operation aside does not know how far that has come.
    asked = verb.firm or not (running and verb.supersedes)
    reason = verb.obstacle(resource) if verb.obstacle and asked else None
    if reason:
        return Possibility(verb, NotNow.code, str(reason))
    return Possibility(verb)


def possibilities(resource: Resource) -> list[Possibility]:
    """Judge every verb of the resource's kind, in the verb table's order."""
    running = open_operation(resource)
    return [possibility(verb, resource, running) for verb in verbs_of(resource.kind)]


def ensure_possible(verb: Verb, resource: Resource, running: Operation | None) -> None:
    """Raise Busy or NotNow when the verb is not possible now on a resource that `running` (or nothing) holds."""
    judged = possibility(verb, resource, running)
    if judged.code == Busy.code:
        raise Busy(judged.reason, hint=_("Wait until it has finished, then retry."))
    if not judged.allowed:
        raise NotNow(judged.reason)


def _state_reason(resource: Resource) -> str:
    if resource.state == State.ERROR:
        return _("The resource has failed: %(cause)s") % {
            "cause": rendered_message(resource.error, "message")
        }
    if resource.state == State.PENDING:
        return _("The resource is not created yet.")
    if resource.state == State.READY:
        return _("No failed task to retry.")
    return _("Not possible in state %(state)s.") % {"state": resource.get_state_display()}
