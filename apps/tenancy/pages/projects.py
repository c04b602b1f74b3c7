"""Projects of a tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible_projects
from apps.accounts.models import Project
from apps.accounts.selectors import memberships_in
from apps.accounts.verbs import PROJECT_CREATE, PROJECT_DELETE, PROJECT_EDIT
from apps.lifecycle.models import Resource
from apps.portal import html
from apps.portal.columns import CREATED, NAME, TENANT, Column, yes_or_no
from apps.portal.create import CreatePage
from apps.portal.dependencies import Related
from apps.portal.detail import OVERVIEW, DetailPage, Properties, Property, Tab
from apps.portal.facets import tenant_facet
from apps.portal.forms import LabelsForm
from apps.portal.kinds import Do, PageKind, Text
from apps.portal.lists import Empty, ListPage
from apps.tenancy.api.projects import ProjectsApi
from apps.tenancy.filters import ProjectFilter
from apps.tenancy.services import projects


def _what_goes(project: Project) -> Sequence[Text]:
    return [
        _("Project %(name)s and its members’ roles in it are deleted.") % {"name": project.name},
        _("A project with resources cannot be deleted."),
    ]


PROJECT = PageKind(
    "project",
    "projects",
    one=gettext_lazy("project"),
    many=gettext_lazy("Projects"),
    icon="package",
    help="accounts#projects",
    visible=visible_projects,
    create=PROJECT_CREATE,
    key="uid",
    actions=(
        Do(PROJECT_EDIT, form=LabelsForm),
        Do(PROJECT_DELETE, says=_what_goes),
    ),
)


class ProjectList(ListPage):
    of = PROJECT
    columns = (
        NAME,
        Column(
            "default",
            gettext_lazy("Default"),
            lambda row, page: yes_or_no(row.is_default),
            sort="is_default",
        ),
        TENANT,
        CREATED,
    )
    filter = ProjectFilter
    facets = (tenant_facet,)
    related = ("tenant",)
    order = ("-is_default", "name")
    empty = Empty(
        gettext_lazy("You have no role in any project"), gettext_lazy("Ask the account owner for a role.")
    )


def _members(page: DetailPage, row: Project) -> dict[str, Any]:
    return {"memberships": memberships_in(row)}


class ProjectDetail(DetailPage):
    of = PROJECT
    tabs = (OVERVIEW, Tab("members", gettext_lazy("Members"), "tenancy/project_members.html", _members))
    primary = ("edit",)

    def properties(self, row: Project) -> Sequence[Properties]:
        """Return what it is; what is in it stands below."""
        return [
            Properties(
                _("Project"),
                [
                    Property(_("Default"), _("yes") if row.is_default else _("no")),
                    Property(_("Description"), row.description),
                    Property(_("Created"), html.moment(row.created_at)),
                ],
            )
        ]

    def used_by(self, row: Project) -> Sequence[Related]:
        """Everything that is in it."""
        rows = Resource.objects.filter(project=row)
        kinds = rows.order_by("kind").values_list("kind", flat=True).distinct()
        return [Related(kind, rows.filter(kind=kind), f"project={row.uid}") for kind in kinds]


class ProjectCreate(CreatePage):
    of = PROJECT
    form = LabelsForm
    api = ProjectsApi

    def submit(self, data: dict[str, Any]) -> Project:
        """Create it in the tenant acted for."""
        assert self.actor.tenant is not None
        return projects.create_project(self.actor, self.actor.tenant, **data)
