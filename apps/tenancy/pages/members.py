"""Sub-accounts of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django.http import QueryDict
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Project, Role, User
from apps.accounts.selectors import memberships_of, visible_resource_roles
from apps.accounts.verbs import RESOURCE_ROLE_CREATE
from apps.lifecycle.actor import Actor
from apps.portal import html
from apps.portal.actions import ActionPage
from apps.portal.columns import TENANT, Column, yes_or_no
from apps.portal.detail import OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.facets import status_facet, tenant_facet
from apps.portal.forms import BaseForm
from apps.portal.kind_registry import kind_word
from apps.portal.lists import Empty, ListPage
from apps.tenancy.api.members import MembersApi
from apps.tenancy.factors.rows import has_second_factor
from apps.tenancy.filters import MemberFilter
from apps.tenancy.pages.columns import ACTIVE, EMAIL, JOINED, LAST_LOG_IN, USERNAME, user_word
from apps.tenancy.pages.member_forms import MemberForm, RoleForm
from apps.tenancy.pages.member_kind import MEMBER, MEMBER_OF_ANY, RESET, ROLE_OF_ANY
from apps.tenancy.pages.shown_once import CreateShownOnce, ResetPage, ShownOnce
from apps.tenancy.services import members
from apps.tenancy.services.links import shown_links

#: Roles on single resources that a member's page names; the rest stand in their list.
RESOURCE_ROLES = 20


def _project(uid: str) -> Project | None:
    return Project.objects.get(uid=uid) if uid else None


def _links(user: User) -> str:
    shown = [
        _("%(label)s as %(known_as)s") % {"label": each.label, "known_as": each.known_as}
        for each in shown_links(user)
    ]
    return ", ".join(shown) or _("none")


class MemberList(ListPage):
    of = MEMBER
    columns = (
        USERNAME,
        ACTIVE,
        Column(
            "owner",
            gettext_lazy("Owner"),
            lambda row, page: yes_or_no(row.is_tenant_owner),
            sort="is_tenant_owner",
        ),
        EMAIL,
        TENANT,
        LAST_LOG_IN,
        JOINED,
    )
    filter = MemberFilter
    facets = (status_facet, tenant_facet)
    related = ("tenant",)
    order = ("-is_tenant_owner", "username")
    empty = Empty(gettext_lazy("No members yet"))


def _roles(page: DetailPage, row: User) -> dict[str, Any]:
    """Roles in projects, and the newest on single resources."""
    some = list(visible_resource_roles(page.actor).filter(user=row).order_by("-pk")[: RESOURCE_ROLES + 1])
    listed = f"{reverse(f'{page.area}:resource_role.list')}?member={row.uid}"
    return {
        "memberships": memberships_of(row),
        "resource_roles": [
            (given, kind_word(given.content_object.kind), Role(given.role).label)
            for given in some[:RESOURCE_ROLES]
        ],
        "all_resource_roles": listed if len(some) > RESOURCE_ROLES else "",
        "grant_url": f"{reverse(f'{page.area}:resource_role.create')}?member={row.uid}",
        "may_grant": page.rights.covers(RESOURCE_ROLE_CREATE, None, row.tenant_id),
    }


class MemberDetail(DetailPage):
    of = MEMBER
    tabs = (OVERVIEW, Tab("roles", gettext_lazy("Roles"), "tenancy/member_roles.html", _roles))
    primary: ClassVar[Sequence[str]] = ("set_role", "reset_password")

    def properties(self, row: User) -> Sequence[Properties]:
        """Return the state of the account."""
        last = html.moment(row.last_login) if row.last_login else _("never")
        return [
            Properties(
                _("Account"),
                [
                    Property(_("State"), html.pill(user_word(row))),
                    Property(_("Owner"), _("yes") if row.is_tenant_owner else _("no")),
                    Property(_("Tenant"), row.tenant and row.tenant.name),
                    Property(_("Email"), row.email),
                    Property(_("Created"), html.moment(row.date_joined)),
                    Property(_("Last login"), last),
                    Property(_("Two-factor authentication"), _("on") if has_second_factor(row) else _("off")),
                    Property(_("Linked logins"), _links(row)),
                    Property(_("Must change password"), _("yes") if row.must_change_password else _("no")),
                ],
            )
        ]


class AnyMemberList(MemberList):
    of = MEMBER_OF_ANY


class AnyMemberDetail(MemberDetail):
    of = MEMBER_OF_ANY


class AnyMemberRole(ActionPage):
    """A role for a member of any tenant: the projects offered are those of its tenant."""

    of = MEMBER_OF_ANY
    do = ROLE_OF_ANY

    def _form(self, row: User, data: Any = None, given: QueryDict | None = None) -> BaseForm:
        return RoleForm(data, actor=Actor(user=self.actor.user, tenant=row.tenant))


class MemberCreate(CreateShownOnce):
    of = MEMBER
    form = MemberForm
    api = MembersApi
    tries = False

    def submit(self, data: dict[str, Any]) -> ShownOnce:
        """Create it in the tenant acted for."""
        assert self.actor.tenant is not None
        user, password = members.create_member(
            self.actor,
            self.actor.tenant,
            data["username"],
            email=data["email"],
            project=_project(data["project"]),
            role=Role(data["role"]) if data["role"] else None,
        )
        return ShownOnce(
            _("Member created"),
            _("Password"),
            user.username,
            password,
            _("Give it to the administrator. It must be changed at first login."),
            MEMBER.url(self.area, "one", user),
        )


class MemberReset(ResetPage):
    of = MEMBER
    do = RESET
    label = gettext_lazy("New password")
    text = gettext_lazy("Give it to the user. It must be changed at next login.")
