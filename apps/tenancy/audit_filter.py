"""Filters of the operation log, for the API and the page alike."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.audit.models import DONE, AuditEntry
from apps.tenancy.operation_log import CANCELLED, FAILED, REFUSED, RUNNING, with_result

RESULTS = (
    (DONE, _("Done")),
    (RUNNING, _("Running")),
    (FAILED, _("Failed")),
    (CANCELLED, _("Cancelled")),
    (REFUSED, _("Refused")),
)


class AuditFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))
    user = filters.CharFilter(field_name="actor_name", lookup_expr="istartswith", label=_("User"))
    verb = filters.CharFilter(label=_("Action"))
    kind = filters.CharFilter(field_name="target_kind", label=_("Kind"))
    target = filters.UUIDFilter(field_name="target_id", label=_("Target's id"))
    result = filters.ChoiceFilter(choices=RESULTS, method="of_result", label=_("Result"))
    tenant = filters.UUIDFilter(field_name="tenant__uid", label=_("Tenant"))
    after = filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", label=_("After"))
    before = filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", label=_("Before"))

    def search(self, queryset: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Find by who, by the target's name, by address or request, or by the target's whole id."""
        value = value.strip()
        condition = Q(actor_name__istartswith=value) | Q(target_name__icontains=value) | Q(request_id=value)
        with suppress(ValueError):
            condition |= Q(target_id=UUID(value))
        return queryset.filter(condition)

    def of_result(self, queryset: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep one result."""
        return with_result(queryset, value)
