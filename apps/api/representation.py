"""What a resource looks like to API callers. Plain functions: DRF's serializers cost ten times as much per row.

The serializer classes say the same in the schema; `Out.represent` checks that the two agree.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from django.utils.translation import get_language
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api.offered import offered
from apps.api.vocabulary import ActionName, KindName, VerbName
from apps.lifecycle.cancellation import why_not_cancel
from apps.lifecycle.legality import Possibility
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.models.status import Status
from apps.lifecycle.state_labels import state_label
from apps.lifecycle.status import since, status_of
from apps.lifecycle.stored_messages import rendered_error, rendered_message
from apps.lifecycle.verbs import verb_named


def moment(at: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC, to the millisecond."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Out(serializers.Serializer[Any]):
    """Representation of an object. A subclass adds fields and, in `own`, their values."""

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the values of the subclass's own fields."""
        raise NotImplementedError

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the row as JSON-ready values."""
        return cls._checked(cls.own(row))

    @classmethod
    def _checked(cls, values: dict[str, Any]) -> dict[str, Any]:
        assert values.keys() == cls._declared_fields.keys(), (
            f"{cls.__name__} declares and answers different fields: "
            f"{sorted(values.keys() ^ cls._declared_fields.keys())}"
        )
        return values


class ReferenceOut(serializers.Serializer[Any]):
    id = serializers.CharField(
        help_text="A UUID; of regions the name, of instance types and clusters a number in digits."
    )
    name = serializers.CharField()


class AllowedActionOut(serializers.Serializer[Any]):
    action = ActionName(
        help_text="As in the path: POST …/<id>/<action>. `rename` is PATCH; `delete` and `remove` are DELETE."
    )
    label = serializers.CharField()  # type: ignore[assignment]  # hides Field.label, which is for forms
    allowed = serializers.BooleanField()
    code = serializers.CharField(help_text="Reason, machine-readable; empty if allowed.")
    reason = serializers.CharField(help_text="Reason, human-readable; empty if allowed.")


class ErrorOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(help_text="Next step.")
    operation = serializers.UUIDField(required=False)


class ResourceOut(Out):
    """Fields of every resource."""

    id = serializers.UUIDField()
    kind = KindName()
    name = serializers.CharField()
    description = serializers.CharField()
    status = serializers.ChoiceField(
        choices=Status.choices, help_text="What it is or does now: the state people see, for programs."
    )
    status_since = serializers.DateTimeField(help_text="When the status became what it is.")
    status_reason = serializers.CharField(
        help_text="Why, for people: the running step, or the cause of a failure; may be empty."
    )
    state = serializers.ChoiceField(choices=State.choices, help_text="Stored state.")
    word = serializers.CharField(help_text="State as displayed, including running operations.")
    progress = serializers.IntegerField(
        allow_null=True, help_text="Progress in percent while an operation is running."
    )
    tenant = ReferenceOut(allow_null=True)
    project = ReferenceOut(allow_null=True)
    region = ReferenceOut(allow_null=True)
    created_at = serializers.DateTimeField()
    error = ErrorOut(allow_null=True, help_text="Error of the last failed operation.")
    allowed_actions = AllowedActionOut(many=True)

    #: Relations `represent` reads, for select_related.
    related: ClassVar[tuple[str, ...]] = ("tenant", "project", "region")

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the values of the subclass's own fields."""
        return {}

    @classmethod
    def represent(cls, row: Resource, rights: Rights) -> dict[str, Any]:
        """Return the resource as JSON-ready values; `allowed_actions` as far as `rights` reach."""
        shown = state_label(row)
        language = (
            get_language() or ""
        )  # asked once: for each action of each row it is a tenth of a page's time
        return cls._checked(
            {
                "id": str(row.pk),
                "kind": row.kind,
                "name": row.name,
                "description": row.description,
                "status": status_of(row, shown),
                "status_since": moment(since(row)),
                "status_reason": str(shown.reason),
                "state": row.state,
                "word": str(shown.word),
                "progress": shown.percent,
                "tenant": _reference(row.tenant.uid, row.tenant.name) if row.tenant else None,
                "project": _reference(row.project.uid, row.project.name) if row.project else None,
                "region": _reference(row.region.name, row.region.label) if row.region else None,
                "created_at": moment(row.created_at),
                "error": _error(row),
                "allowed_actions": [
                    _action(judged, language)
                    for judged in rights.actions(row)
                    if judged.verb.name in offered()
                ],
                **cls.own(row),
            }
        )


class StepOut(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    text = serializers.CharField()
    failed = serializers.BooleanField(required=False)
    attempt = serializers.IntegerField(required=False, help_text="Number of the attempt.")


class TargetOut(serializers.Serializer[Any]):
    kind = KindName()
    id = serializers.UUIDField()
    name = serializers.CharField()


class OperationOut(Out):
    id = serializers.UUIDField()
    verb = VerbName()
    label = serializers.CharField()  # type: ignore[assignment]
    status = serializers.ChoiceField(choices=OperationStatus.choices)
    progress = serializers.IntegerField(help_text="Percent.")
    target = TargetOut()
    steps = StepOut(many=True)
    error = ErrorOut(allow_null=True)
    attempt = serializers.IntegerField()
    cancellable = serializers.BooleanField()
    stopping = serializers.BooleanField(
        help_text="Whether cancellation was requested while running. The operation stays open until the "
        "worker has stopped."
    )
    request_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    deadline = serializers.DateTimeField()

    @staticmethod
    def own(row: Operation) -> dict[str, Any]:
        """Return the operation's values."""
        return {
            "id": str(row.pk),
            "verb": row.verb,
            "label": str(verb_named(row.verb).label),
            "status": row.status,
            "progress": row.progress,
            "target": {"kind": row.target_kind, "id": str(row.target_id), "name": row.target_name},
            "steps": [_step(step) for step in row.steps],
            "error": _error(row),
            "attempt": row.attempt,
            "cancellable": not why_not_cancel(row),
            "stopping": row.is_open and row.stopping == Stopping.ASKED,
            "request_id": row.request_id,
            "created_at": moment(row.created_at),
            "started_at": moment(row.started_at),
            "finished_at": moment(row.finished_at),
            "deadline": moment(row.deadline),
        }


def _error(row: Resource | Operation) -> dict[str, str] | None:
    """Return the kept error in the caller's language."""
    if not row.error:
        return None
    operation = {"operation": row.error["operation"]} if "operation" in row.error else {}
    return {**rendered_error(row.error), **operation}


def _step(step: dict[str, Any]) -> dict[str, Any]:
    more = {name: step[name] for name in ("failed", "attempt") if step.get(name)}
    return {"at": step["at"], "text": rendered_message(step), **more}


def _reference(id: object, name: str) -> dict[str, str]:
    return {"id": str(id), "name": name}


def _action(judged: Possibility, language: str) -> dict[str, Any]:
    action, label = _names(judged.verb.name, language)
    return {
        "action": action,
        "label": label,
        "allowed": judged.allowed,
        "code": judged.code,
        "reason": judged.reason,
    }


@cache
def _names(verb_name: str, _language: str) -> tuple[str, str]:
    # Translating a dozen labels for every row of a page is what a list would spend most of its time on.
    verb = verb_named(verb_name)
    return slug(verb.action), str(verb.label)


def slug(action: str) -> str:
    """Return an action as it stands in paths: power_off is power-off."""
    return action.replace("_", "-")
