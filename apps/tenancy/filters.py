"""Filters of the lists of accounts, for the API and the pages alike."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import ApiKey, Project, ResourceUserObjectPermission, Role, Tenant, User
from apps.api.filter_fields import Choices, Flag, Moment, Number, Text
from apps.api.filters import ListFilter
from apps.api.query_fields import Words
from apps.api.status_filter import derived_status


def _with_uid(value: str) -> Q:
    with suppress(ValueError):
        return Q(uid=UUID(value))
    return Q(pk__in=[])


class TenantFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Name"), "name"),
        "status": derived_status(
            lambda: {"enabled": Q(enabled=True), "disabled": Q(enabled=False)},
            (("enabled", _("Enabled")), ("disabled", _("Disabled"))),
            "enabled",
        ),
        "enabled": Flag(_("Enabled"), "enabled"),
        "members": Number(_("Members"), "members"),
        "created": Moment(_("Created"), "created_at"),
    }

    def search(self, queryset: QuerySet[Tenant], name: str, value: str) -> QuerySet[Tenant]:
        """Find by name, by description, by a user's name or by id."""
        value = value.strip()
        users = User.objects.filter(username__icontains=value).values("tenant")
        return queryset.filter(
            Q(name__icontains=value) | Q(description__icontains=value) | Q(pk__in=users) | _with_uid(value)
        )


class UserFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "username": Text(_("Username"), "username"),
        "status": derived_status(
            lambda: {"active": Q(is_active=True), "inactive": Q(is_active=False)},
            (("active", _("Active")), ("inactive", _("Inactive"))),
            "is_active",
        ),
        "active": Flag(_("Active"), "is_active"),
        "email": Text(_("Email"), "email"),
        "last_log_in": Moment(_("Last login"), "last_login"),
        "joined": Moment(_("Created"), "date_joined"),
    }

    def search(self, queryset: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        """Find by user name or address, or by id."""
        value = value.strip()
        return queryset.filter(Q(username__icontains=value) | Q(email__icontains=value) | _with_uid(value))


class MemberFilter(UserFilter):
    by = {
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "owner": Flag(_("Owner"), "is_tenant_owner"),
    }


class ProjectFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Name"), "name"),
        "default": Flag(_("Default"), "is_default"),
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "created": Moment(_("Created"), "created_at"),
    }

    def search(self, queryset: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """Find by name or id."""
        value = value.strip()
        return queryset.filter(Q(name__icontains=value) | _with_uid(value))


def _key_conditions() -> dict[str, Q]:
    expired = Q(expires_at__lte=timezone.now())
    return {"active": Q(expires_at=None) | Q(expires_at__gt=timezone.now()), "expired": expired}


class KeyFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Name"), "name"),
        "user": Text(_("User"), "user__username"),
        "status": derived_status(
            _key_conditions, (("active", _("Active")), ("expired", _("Expired"))), "expires_at"
        ),
        "prefix": Text(_("Prefix"), where=lambda value: Q(prefix__startswith=value.removeprefix("sk_"))),
        "scope": Choices(_("Scope"), "scope", choices=ApiKey.Scope.choices),
        "expires": Moment(_("Expires"), "expires_at"),
        "used": Moment(_("Last used"), "last_used_at"),
        "created": Moment(_("Created"), "created_at"),
    }

    def search(self, queryset: QuerySet[ApiKey], name: str, value: str) -> QuerySet[ApiKey]:
        """Find by name, by prefix or by the user's name."""
        return queryset.filter(
            Q(name__icontains=value) | Q(prefix=value) | Q(user__username__icontains=value)
        )


class ResourceRoleFilter(ListFilter):
    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Resource"), "content_object__name"),
        "username": Text(_("Username"), "user__username"),
        "resource": Choices(_("Resource ID"), "content_object", each=forms.UUIDField),
        "member": Choices(_("Member ID"), "user__uid", each=forms.UUIDField),
        "kind": Choices(_("Kind"), "content_object__kind"),
        "role": Choices(_("Role"), "role", choices=Role.choices),
        "tenant": Choices(_("Tenant"), "user__tenant__uid", each=forms.UUIDField),
    }

    def search(
        self, queryset: QuerySet[ResourceUserObjectPermission], name: str, value: str
    ) -> QuerySet[ResourceUserObjectPermission]:
        """Find by the resource's or the member's name."""
        value = value.strip()
        return queryset.filter(Q(content_object__name__icontains=value) | Q(user__username__icontains=value))
