"""The columns that most lists have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.state_labels import state_label
from apps.portal import html
from apps.portal.column import Column, yes_or_no
from apps.portal.facets import project_facet, region_facet, status_facet, tenant_facet
from apps.portal.state_cell import state_cell

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

__all__ = [
    "CREATED",
    "DESCRIPTION",
    "ID",
    "NAME",
    "PROJECT",
    "REGION",
    "STATE",
    "TENANT",
    "UPDATED",
    "Column",
    "yes_or_no",
]


def _name(row: Any, page: ListPage) -> SafeString:
    url = page.of.url(page.area, "one", row) if page.has_detail else ""
    name = html.link(url, str(row.name), "row-name")
    description = getattr(row, "description", "")
    return format_html('{}<div class="row-description">{}</div>', name, description) if description else name


def _state(row: Any, page: ListPage) -> SafeString:
    return state_cell(row, page.area, page.of.as_of(row))


NAME = Column(
    "name",
    _("Name"),
    _name,
    sort="name",
    width="name",
    wide=False,
    kept=True,
    text=lambda row, page: row.name,
)
STATE = Column(
    "state",
    _("State"),
    _state,
    sort="state",
    width="state",
    wide=False,
    filter="status",
    facet=status_facet,
    observed=True,
    kept=True,
    text=lambda row, page: state_label(row).word,
)
TENANT = Column(
    "tenant",
    _("Tenant"),
    lambda row, page: row.tenant and row.tenant.name,
    sort="tenant__name",
    admin=True,
    facet=tenant_facet,
)
PROJECT = Column(
    "project",
    _("Project"),
    lambda row, page: row.project and row.project.name,
    sort="project__name",
    facet=project_facet,
)
REGION = Column(
    "region",
    _("Region"),
    lambda row, page: row.region and row.region.label,
    sort="region__name",
    facet=region_facet,
)
CREATED = Column(
    "created",
    _("Created"),
    lambda row, page: html.moment(row.created_at),
    sort="created_at",
    width="time",
    text=lambda row, page: row.created_at,
)
UPDATED = Column(
    "updated",
    _("Updated"),
    lambda row, page: html.moment(row.updated_at),
    sort="updated_at",
    width="time",
    text=lambda row, page: row.updated_at,
    hidden=True,
)
ID = Column(
    "id",
    _("ID"),
    lambda row, page: html.copyable(row.pk),
    sort="id",
    width="code",
    text=lambda row, page: str(row.pk),
    hidden=True,
)
DESCRIPTION = Column(
    "description",
    _("Description"),
    lambda row, page: row.description,
    sort="description",
    width="long",
    hidden=True,
)
