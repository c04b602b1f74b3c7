"""Columns of lists: the common ones, and the class for a kind's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.words import state_word
from apps.portal import pieces
from apps.portal.kinds import Text

if TYPE_CHECKING:
    from apps.portal.lists import ListPage


@dataclass(frozen=True)
class Column:
    """`value(row, page)` returns text (escaped) or SafeString; or `template` draws the cell, with `row` and `page`.

    sort: the column to order by ("" = not sortable). end: numbers, aligned right. wide: hidden on narrow screens.
    admin: shown in the administration only.
    """

    name: str
    label: Text
    value: Callable[[Any, ListPage], object] | None = None
    template: str = ""
    sort: str = ""
    end: bool = False
    wide: bool = True
    admin: bool = False

    def draw(self, row: Any, page: ListPage) -> SafeString:
        """Return the cell's content."""
        if self.template:
            return render_to_string(
                self.template, {"row": row, "page": page, "area": page.area}, page.request
            )
        assert self.value is not None
        shown = self.value(row, page)
        return pieces.nothing() if shown in (None, "") else format_html("{}", shown)


def _name(row: Any, page: ListPage) -> SafeString:
    url = page.of.url(page.area, "one", row) if page.has_detail else ""
    name = pieces.link(url, str(row.name), "row-name")
    remark = getattr(row, "remark", "")
    return format_html('{}<div class="row-remark">{}</div>', name, remark) if remark else name


NAME = Column("name", _("Name"), _name, sort="name", wide=False)
STATE = Column("state", _("State"), lambda row, page: pieces.pill(state_word(row)), sort="state", wide=False)
TENANT = Column(
    "tenant", _("Tenant"), lambda row, page: row.tenant and row.tenant.name, sort="tenant__name", admin=True
)
PROJECT = Column(
    "project", _("Project"), lambda row, page: row.project and row.project.name, sort="project__name"
)
REGION = Column("region", _("Region"), lambda row, page: row.region and row.region.label, sort="region__name")
CREATED = Column("created", _("Created"), lambda row, page: pieces.moment(row.created_at), sort="created_at")
