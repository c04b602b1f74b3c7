"""What lists of findings, and of resources in trouble, can be narrowed by."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Moment, Number, Text
from apps.api.filters import ListFilter, ResourceFilter
from apps.api.query_fields import Words
from apps.reconciliation.declared import kinds_with_rows
from apps.reconciliation.models import Finding, FindingState, Rule

#: Suspicions are not shown, so they cannot be requested.
STATES = [(state, label) for state, label in FindingState.choices if state != FindingState.SUSPECTED]


class FindingFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "rule": Choices(_("Rule"), "rule", choices=Rule.choices),
        "kind": Choices(_("Kind"), "kind"),
        "name": Text(_("Name"), "name"),
        "state": Choices(_("State"), "state", choices=STATES),
        "host": Choices(_("Host"), "host_id", each=forms.UUIDField),
        "storage_cluster": Choices(_("Storage cluster"), "storage_cluster_id", each=forms.IntegerField),
        "region": Choices(_("Region"), "region__name"),
        "resource": Choices(_("Resource"), "resource_id", each=forms.UUIDField),
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "looks": Number(_("Checks"), "looks"),
        "first_seen": Moment(_("First seen"), "first_seen_at"),
        "last_seen": Moment(_("Last seen"), "last_seen_at"),
    }

    def search(self, queryset: QuerySet[Finding], name: str, value: str) -> QuerySet[Finding]:
        """Find by part of the name, or by a whole id: of the finding or of what it is about."""
        value = value.strip()
        condition = Q(name__icontains=value)
        with suppress(ValueError):
            condition |= Q(pk=UUID(value)) | Q(target_id=UUID(value))
        return queryset.filter(condition)


class TroubleFilter(ResourceFilter):
    by = {"kind": Choices(_("Kind"), "kind", choices=[(kind.kind, kind.kind) for kind in kinds_with_rows()])}
