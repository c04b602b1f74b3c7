"""The operation log in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from rest_framework import serializers

from apps.accounts.operation_log import duration_of, reason_of, result_of, visible_entries
from apps.api.paging import CursorPages
from apps.api.representation import Out, ReferenceOut, TargetOut, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import TriedVerb, one_of
from apps.audit.models import AuditEntry
from apps.lifecycle.actor import VIA, Actor
from apps.tenancy.audit_filter import RESULTS, AuditFilter


class AuditPages(CursorPages):
    """Pages of log lines."""

    ordering = ("-at",)


class AuditTargetOut(TargetOut):
    #: Wider than a kind.
    kind = serializers.CharField(  # type: ignore[assignment]
        help_text="A kind, or what a log-in or setting was about."
    )
    id = serializers.UUIDField(allow_null=True)


class AuditEntryOut(Out):
    id = serializers.CharField()
    at = serializers.DateTimeField()
    who = serializers.CharField()
    via = one_of(VIA)
    api_key = ReferenceOut(allow_null=True, help_text="The API key that acted; null in a session.")
    ip = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()
    verb = TriedVerb(help_text="A verb; of some refused attempts the name of the route.")
    target = AuditTargetOut()
    tenant = ReferenceOut(allow_null=True)
    args = serializers.DictField()
    operation = serializers.UUIDField(allow_null=True)
    result = serializers.ChoiceField(choices=RESULTS)
    reason = serializers.CharField(help_text="Cause of the failure or refusal.")
    duration_seconds = serializers.FloatField(allow_null=True, help_text="null while running.")

    @staticmethod
    def own(row: AuditEntry) -> dict[str, Any]:
        """Return the line's values."""
        duration = duration_of(row)
        return {
            "id": str(row.pk),
            "at": moment(row.at),
            "who": row.actor_name,
            "via": row.via,
            "api_key": (
                {"id": str(row.api_key_id), "name": row.api_key_name} if row.api_key_id is not None else None
            ),
            "ip": row.ip,
            "request_id": row.request_id,
            "verb": row.verb,
            "target": {
                "kind": row.target_kind,
                "id": str(row.target_id) if row.target_id else None,
                "name": row.target_name,
            },
            "tenant": {"id": str(row.tenant.uid), "name": row.tenant.name} if row.tenant else None,
            "args": row.args,
            "operation": str(row.operation_id) if row.operation_id else None,
            "result": result_of(row),
            "reason": reason_of(row),
            "duration_seconds": duration.total_seconds() if duration is not None else None,
        }


class AuditApi(ObjectApi):
    """Operation log: user, action, time, source, result and duration. Includes refused attempts."""

    model = AuditEntry
    out = AuditEntryOut
    filterset_class = AuditFilter
    sorts = {
        "target": None,  # by its name: `target_name`
        "request": "request_id",
        "origin": "ip",
        "api_key": "api_key_name",
        "result": ("operation__status", "outcome"),
        "took": F("operation__finished_at") - F("operation__created_at"),
    }
    pagination_class = AuditPages
    converter = "int"

    def visible(self, actor: Actor) -> QuerySet[AuditEntry]:
        """Return the lines in view."""
        return visible_entries(actor)
