"""What lists of operations can be narrowed by, in the API and the pages alike."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django import forms
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Extract
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Moment, Number, Text
from apps.api.filters import ListFilter
from apps.api.query_fields import Words
from apps.api.vocabulary import KindField, VerbField
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.reader import reads_as_tenant
from apps.lifecycle.stored_messages import codes_saying

#: Seconds from request to result; NULL while there is none.
SECONDS = Extract(
    ExpressionWrapper(F("finished_at") - F("created_at"), output_field=DurationField()), "epoch"
)


def _saying(value: str) -> Q:
    if reads_as_tenant():
        # Only what they read: otherwise names of hosts could be found out by searching.
        return Q(error__code__in=codes_saying(value))
    return Q(error__message__icontains=value) | Q(steps__icontains=value)


class OperationFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "status": Choices(_("Status"), "status", choices=OperationStatus.choices),
        "verb": Choices(_("Action"), "verb", each=VerbField),
        "kind": Choices(_("Kind"), "target_kind", each=KindField),
        "target": Choices(_("Target ID"), "target_id", each=forms.UUIDField),
        "target_name": Text(_("Target name"), "target_name"),
        "outcome": Text(_("Step or cause"), where=_saying),
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "actor": Text(_("Requested by"), "actor__username"),
        "created": Moment(_("Requested"), "created_at"),
        "took": Number(_("Duration (seconds)"), expression=SECONDS),
    }

    def search(self, queryset: QuerySet[Operation], name: str, value: str) -> QuerySet[Operation]:
        """Find by the target's name, or by a whole id: of the operation, its target or its request."""
        value = value.strip()
        condition = Q(target_name__icontains=value) | Q(request_id=value)
        with suppress(ValueError):
            condition |= Q(pk=UUID(value)) | Q(target_id=UUID(value))
        return queryset.filter(condition)
