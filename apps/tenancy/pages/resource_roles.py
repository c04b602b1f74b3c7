"""Roles on single resources: the list, and the form that grants one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import ResourceUserObjectPermission, Role
from apps.accounts.selectors import visible_members, visible_resource_roles
from apps.accounts.verbs import RESOURCE_ROLE_CREATE, RESOURCE_ROLE_DELETE
from apps.portal import html
from apps.portal.columns import Column
from apps.portal.create import CreatePage
from apps.portal.facets import choice_facet, tenant_facet
from apps.portal.forms import BaseForm
from apps.portal.kind_registry import kind_word
from apps.portal.kinds import Do, PageKind, Text, resource_url
from apps.portal.lists import Empty, ListPage
from apps.tenancy.api.resource_roles import ResourceRolesApi
from apps.tenancy.filters import ResourceRoleFilter
from apps.tenancy.services.resource_roles import give_resource_role


class ResourceRoleForm(BaseForm):
    member = forms.ChoiceField(label=gettext_lazy("Member"))
    resource = forms.UUIDField(
        label=gettext_lazy("Resource ID"), help_text=gettext_lazy("Shown on the resource’s page.")
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), choices=Role.choices, initial=Role.OPERATOR)

    def prepare(self) -> None:
        """Offer the members; owners have every right already."""
        members = visible_members(self.actor).filter(is_tenant_owner=False)
        choices = [(str(uid), name) for uid, name in members.values_list("uid", "username")]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]


def _lost(given: ResourceUserObjectPermission) -> Sequence[Text]:
    names = {"member": given.user.username, "resource": given.content_object.name}
    return [_("%(member)s loses this access to %(resource)s immediately.") % names]


RESOURCE_ROLE = PageKind(
    "resource_role",
    "resource-roles",
    one=gettext_lazy("resource role"),
    many=gettext_lazy("Resource roles"),
    icon="user-check",
    help="accounts#resource-roles",
    visible=visible_resource_roles,
    create=RESOURCE_ROLE_CREATE,
    key="uid",
    actions=(Do(RESOURCE_ROLE_DELETE, says=_lost),),
)


def _resource(row: Any, page: ListPage) -> SafeString:
    resource = row.content_object
    return html.link(resource_url(page.area, resource.kind, resource.pk), resource.name, "row-name")


def _member(row: Any, page: ListPage) -> SafeString:
    return html.link(resource_url(page.area, "member", row.user.uid), row.user.username)


class ResourceRoleList(ListPage):
    of = RESOURCE_ROLE
    columns = (
        Column(
            "resource",
            gettext_lazy("Resource"),
            _resource,
            sort="content_object__name",
            filter="name",
            wide=False,
            text=lambda row, page: row.content_object.name,
        ),
        Column(
            "kind",
            gettext_lazy("Kind"),
            lambda row, page: kind_word(row.content_object.kind),
            sort="content_object__kind",
        ),
        Column(
            "member",
            gettext_lazy("Member"),
            _member,
            sort="user__username",
            filter="username",
            wide=False,
            text=lambda row, page: row.user.username,
        ),
        Column("role", gettext_lazy("Role"), lambda row, page: Role(row.role).label, sort="role"),
        Column(
            "tenant",
            gettext_lazy("Tenant"),
            lambda row, page: row.user.tenant.name,
            sort="user__tenant__name",
            admin=True,
            facet=tenant_facet,
        ),
    )
    filter = ResourceRoleFilter
    facets = (choice_facet("role", gettext_lazy("Role"), lambda page: Role.choices), tenant_facet)
    more_filters = ("member", "resource")
    related = ()
    order = ("-id",)
    has_detail = False
    in_search = False
    search_hint = gettext_lazy("Resource or member")
    empty = Empty(
        gettext_lazy("No roles on single resources"),
        gettext_lazy("Grant a member a role on one resource, without a role in its project."),
    )


class ResourceRoleCreate(CreatePage):
    of = RESOURCE_ROLE
    form = ResourceRoleForm
    api = ResourceRolesApi

    def body(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the API's body, ids as text."""
        return {name: str(value) for name, value in data.items()}

    def submit(self, data: dict[str, Any]) -> ResourceUserObjectPermission:
        """Grant it."""
        return give_resource_role(self.actor, **data)
