"""/api/v1/findings and /api/v1/in-trouble: what differs, what is in trouble, and what can be done about it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.declarations import Action as Endpoint
from apps.api.paging import CursorPages
from apps.api.problem_out import PROBLEM
from apps.api.representation import AllowedActionOut, Out, ReferenceOut, moment, slug
from apps.api.schema import KitSchema
from apps.api.views import ObjectApi
from apps.api.vocabulary import KindName, one_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Resource, State
from apps.lifecycle.models.status import Status
from apps.lifecycle.state_labels import state_label
from apps.lifecycle.status import status_of
from apps.lifecycle.stored_messages import rendered_error, rendered_message
from apps.reconciliation import services
from apps.reconciliation.filters import STATES, FindingFilter, TroubleFilter
from apps.reconciliation.finding_actions import Action, Choice, Subject
from apps.reconciliation.models import Finding, Rule
from apps.reconciliation.pages.kinds import FINDING, ON_FINDING, ON_TROUBLE, TROUBLE
from apps.reconciliation.verbs import FINDING_DISMISS, FINDING_REOPEN

#: Asked for on many rows at once; the others want a look at each.
FOR_MANY = (Action.RESYNC, Action.RETRY)
#: What findings are about.
KINDS = [
    *("vm", "disk", "snapshot", "image"),
    *("vpc", "subnet", "security_group", "nic", "eip", "eni", "external_segment", "edge"),
    *("quota", "host"),
]


class PlaceOut(serializers.Serializer[Any]):
    kind = one_of(["host", "storage_cluster", "region"])
    id = serializers.CharField()
    name = serializers.CharField()


class SubjectOut(serializers.Serializer[Any]):
    kind = one_of(KINDS)
    id = serializers.UUIDField()
    name = serializers.CharField()


class FindingOut(Out):
    id = serializers.UUIDField()
    rule = serializers.ChoiceField(choices=Rule.choices)
    aspect = serializers.CharField(help_text="Kind of difference if the rule has several; otherwise empty.")
    about = SubjectOut(help_text="Resource ID; an orphan has no database record with this ID.")
    resource = SubjectOut(allow_null=True, help_text="Resource that actions change; null for an orphan.")
    place = PlaceOut(allow_null=True, help_text="Location of the inconsistency.")
    tenant = ReferenceOut(allow_null=True)
    state = serializers.ChoiceField(choices=STATES)
    text = serializers.CharField(help_text="Difference, human-readable.")
    looks = serializers.IntegerField(help_text="Number of consecutive checks that found it.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()
    operation = serializers.UUIDField(allow_null=True, help_text="Last repair operation.")
    allowed_actions = AllowedActionOut(many=True)

    @staticmethod
    def own(row: Finding) -> dict[str, Any]:
        """Return the finding's values."""
        return {
            "id": str(row.pk),
            "rule": row.rule,
            "aspect": row.aspect,
            "about": {"kind": row.kind, "id": str(row.target_id), "name": row.name},
            "resource": _resource(row.resource),
            "place": _place(row),
            "tenant": _tenant(row),
            "state": row.state,
            "text": rendered_message(row.kept),
            "looks": row.looks,
            "first_seen_at": moment(row.first_seen_at),
            "last_seen_at": moment(row.last_seen_at),
            "operation": str(row.operation_id) if row.operation_id else None,
            "allowed_actions": [_allowed(choice) for choice in services.actions(row)],
        }


class CauseOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()


class TroubleOut(Out):
    id = serializers.UUIDField()
    kind = KindName()
    name = serializers.CharField()
    tenant = ReferenceOut(allow_null=True)
    status = serializers.ChoiceField(choices=Status.choices)
    state = serializers.ChoiceField(choices=State.choices)
    word = serializers.CharField(help_text="State as displayed.")
    error = CauseOut(allow_null=True)
    allowed_actions = AllowedActionOut(many=True)

    @staticmethod
    def own(row: Resource) -> dict[str, Any]:
        """Return the resource's values."""
        shown = state_label(row)
        return {
            "id": str(row.pk),
            "kind": row.kind,
            "name": row.name,
            "tenant": _tenant(row),
            "status": status_of(row, shown),
            "state": row.state,
            "word": str(shown.word),
            "error": rendered_error(row.error) if row.error else None,
            "allowed_actions": [_allowed(c) for c in services.actions(row) if c.action in ON_TROUBLE],
        }


class PreviewOut(serializers.Serializer[Any]):
    action = one_of([slug(action) for action in Action])
    allowed = serializers.BooleanField()
    reason = serializers.CharField(help_text="Reason; empty if allowed.")
    done = serializers.ListField(child=serializers.CharField(), help_text="Effects of the action.")
    lost = serializers.ListField(
        child=serializers.CharField(), help_text="Data that would be permanently lost."
    )


class _PreviewSchema(KitSchema):
    """The kit's, and the one route it does not know."""

    def get_operation_id(self) -> str:
        """Name it after the kind."""
        plural = self.path.removeprefix("/api/v1/").split("/")[0].replace("-", "_")
        return f"preview_{plural}" if self._route == "get_preview" else super().get_operation_id()

    def get_summary(self) -> str | None:
        """Say what it is for."""
        if self._route == "get_preview":
            return "Preview an action's effects and permanent losses"
        return super().get_summary()

    def get_override_parameters(self) -> list[Any]:
        """The action is named in the query: nothing is changed."""
        if self._route == "get_preview":
            return [OpenApiParameter("action", enum=[slug(action) for action in Action], required=True)]
        return super().get_override_parameters()

    def get_response_serializers(self) -> Any:
        """Return the answers by status."""
        if self._route == "get_preview":
            return {200: PreviewOut, 404: PROBLEM, 422: PROBLEM}
        return super().get_response_serializers()


class FindingPages(CursorPages):
    ordering = ("-first_seen_at",)


class Previewing(ObjectApi):
    """Adds `GET /<plural>/<id>/preview?action=…`: what an action would do, changing nothing."""

    schema = _PreviewSchema()
    query = {"get_preview": {"action": False}}

    def get_preview(self, request: Request, key: object) -> Response:
        """Say what an action would do and what would be lost for good by it."""
        row: Subject = self.found(key)
        asked = request.query_params.get("action", "")
        action = next((each for each in Action if slug(each) == asked), None)
        if action is None:
            names = ", ".join(slug(each) for each in Action)
            raise Invalid({"action": [_("One of: %(actions)s.") % {"actions": names}]})
        choice = next(each for each in services.actions(row) if each.action == action)
        seen = services.preview(row, action)
        return Response(
            {
                "action": slug(action),
                "allowed": choice.allowed,
                "reason": choice.reason,
                "done": [str(sentence) for sentence in seen.done],
                "lost": [str(sentence) for sentence in seen.lost],
            }
        )


class FindingApi(Previewing):
    """Inconsistencies between the database and the actual state. For administrators."""

    model = Finding
    out = FindingOut
    filterset_class = FindingFilter
    pagination_class = FindingPages
    sorts = {"place": ("host__name", "storage_cluster__name", "region__name")}
    actions = (
        *(Endpoint(verb, bulk=action in FOR_MANY) for action, verb in ON_FINDING.items()),
        Endpoint(FINDING_DISMISS, immediate=True),
        Endpoint(FINDING_REOPEN, immediate=True),
    )

    def locked(self, row: Finding) -> None:
        """Lock the finding's resource first, as the services do."""
        services.hold(row)

    def visible(self, actor: Actor) -> QuerySet[Finding]:
        """Return all of them for an administrator as such, none for anybody else."""
        return FINDING.rows(actor)


class TroubleApi(Previewing):
    """Resources that have failed or whose operation is past its deadline. For administrators."""

    model = Resource
    out = TroubleOut
    filterset_class = TroubleFilter
    actions = tuple(Endpoint(verb, bulk=action in FOR_MANY) for action, verb in ON_TROUBLE.items())

    def visible(self, actor: Actor) -> QuerySet[Resource]:
        """Return them for an administrator as such, none for anybody else."""
        return TROUBLE.rows(actor)


def _resource(resource: Resource | None) -> dict[str, str] | None:
    if resource is None:
        return None
    return {"kind": resource.kind, "id": str(resource.pk), "name": resource.name}


def _place(finding: Finding) -> dict[str, str] | None:
    if finding.host is not None:
        return {"kind": "host", "id": str(finding.host.pk), "name": finding.host.name}
    if finding.storage_cluster is not None:
        cluster = finding.storage_cluster
        return {"kind": "storage_cluster", "id": str(cluster.pk), "name": str(cluster)}
    if finding.region is not None:
        return {"kind": "region", "id": finding.region.name, "name": finding.region.label}
    return None


def _tenant(row: Finding | Resource) -> dict[str, str] | None:
    return {"id": str(row.tenant.uid), "name": row.tenant.name} if row.tenant is not None else None


def _allowed(choice: Choice) -> dict[str, Any]:
    return {
        "action": slug(choice.action),
        "label": str(choice.action.label),
        "allowed": choice.allowed,
        "code": "" if choice.allowed else "state.not_allowed",
        "reason": str(choice.reason),
    }
