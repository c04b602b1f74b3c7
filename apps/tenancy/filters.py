"""Filters of the lists of accounts, for the API and the pages alike."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.tenancy.models import ApiKey, Tenant, User


class TenantFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))
    enabled = filters.BooleanFilter(label=_("Enabled"))

    def search(self, queryset: QuerySet[Tenant], name: str, value: str) -> QuerySet[Tenant]:
        """Find by name, by remark or by a user's name."""
        users = User.objects.filter(username__icontains=value).values("tenant")
        return queryset.filter(Q(name__icontains=value) | Q(remark__icontains=value) | Q(pk__in=users))


class UserFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))
    active = filters.BooleanFilter(field_name="is_active", label=_("Active"))

    def search(self, queryset: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        """Find by user name or address."""
        return queryset.filter(Q(username__icontains=value) | Q(email__icontains=value))


class MemberFilter(UserFilter):
    tenant = filters.UUIDFilter(field_name="tenant__uid", label=_("Tenant"))


class ProjectFilter(filters.FilterSet):
    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label=_("Search"))
    tenant = filters.UUIDFilter(field_name="tenant__uid", label=_("Tenant"))


class KeyFilter(filters.FilterSet):
    q = filters.CharFilter(method="search", label=_("Search"))
    scope = filters.ChoiceFilter(choices=ApiKey.Scope.choices, label=_("Scope"))

    def search(self, queryset: QuerySet[ApiKey], name: str, value: str) -> QuerySet[ApiKey]:
        """Find by name, by prefix or by the user's name."""
        return queryset.filter(
            Q(name__icontains=value) | Q(prefix=value) | Q(user__username__icontains=value)
        )
