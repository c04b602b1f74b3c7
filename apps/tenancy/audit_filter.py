"""Filters of the operation log, for the API and the page alike."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django import forms
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Extract
from django.utils.translation import gettext_lazy as _

from apps.accounts.operation_log import (
    CANCELLED,
    FAILED,
    REFUSED,
    RUNNING,
    of_results,
)
from apps.api.filter_fields import Choices, Moment, Number, Text
from apps.api.filters import ListFilter
from apps.api.query_fields import Words
from apps.audit.models import DONE, AuditEntry

RESULTS = (
    (DONE, _("Done")),
    (RUNNING, _("Running")),
    (FAILED, _("Failed")),
    (CANCELLED, _("Cancelled")),
    (REFUSED, _("Refused")),
)

#: Seconds from request to result; NULL while there is none.
SECONDS = Extract(
    ExpressionWrapper(F("operation__finished_at") - F("operation__created_at"), output_field=DurationField()),
    "epoch",
)


def _from(value: str) -> Q:
    return Q(ip__startswith=value.strip()) | Q(via=value.strip())


def _with_key(value: str) -> Q:
    condition = Q(api_key_name__icontains=value.strip())
    with suppress(ValueError):
        condition |= Q(api_key_id=UUID(value.strip()))
    return condition


class AuditFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "user": Text(_("User"), "actor_name", lookup="istartswith"),
        "verb": Choices(_("Action"), "verb"),
        "kind": Choices(_("Kind"), "target_kind"),
        "target": Choices(_("Target ID"), "target_id", each=forms.UUIDField),
        "target_name": Text(_("Target name"), "target_name"),
        "result": Choices(_("Result"), where=of_results, choices=RESULTS),
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "request": Text(_("Request ID"), "request_id", lookup="istartswith"),
        "origin": Text(_("Source"), where=_from),
        "api_key": Text(_("API key"), where=_with_key),
        "at": Moment(_("Time"), "at", prefix=""),
        "took": Number(_("Duration (seconds)"), expression=SECONDS),
    }

    def search(self, queryset: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Find by who, by the target's name, by address or request, or by the target's whole id."""
        value = value.strip()
        condition = Q(actor_name__istartswith=value) | Q(target_name__icontains=value) | Q(request_id=value)
        with suppress(ValueError):
            condition |= Q(target_id=UUID(value))
        return queryset.filter(condition)
