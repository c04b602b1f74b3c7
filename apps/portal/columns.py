"""Columns of lists: the common ones, and the class for a kind's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Expression, F, Model, OrderBy, QuerySet, Subquery
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, format_html, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.state_labels import state_label
from apps.portal import html
from apps.portal.facets import Facet, project_facet, region_facet, state_facet, tenant_facet
from apps.portal.kinds import Text

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: Path of a column, or an expression.
By = str | Expression | Subquery


@dataclass(frozen=True)
class Column:
    """`value(row, page)` returns text (escaped) or SafeString; or `template` draws the cell, with `row` and `page`.

    sort: path of the column to order by, or an expression; several in a tuple; "" = not sortable.
    filter: entry of the list's FilterSet that narrows by it; "" = the one of the column's name.
    facet: the choices of such a filter, where the FilterSet does not name them.
    end: numbers, aligned right. wide: hidden on narrow screens. admin: shown in the administration only.
    brief: on a phone, where there is no room for a column of its own, it stands below the name.
    hidden: shown only to who chooses it. observed: comes from the host, and is greyed when that is out of reach.
    text: the value in exports, where `value` returns HTML. prepare: adds to the query what the column reads.
    """

    name: str
    label: Text
    value: Callable[[Any, ListPage], object] | None = None
    template: str = ""
    sort: By | tuple[By, ...] = ""
    end: bool = False
    wide: bool = True
    admin: bool = False
    filter: str = ""
    facet: Facet | None = None
    brief: bool = False
    hidden: bool = False
    observed: bool = False
    text: Callable[[Any, ListPage], object] | None = None
    prepare: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None

    @property
    def filter_name(self) -> str:
        """Name of the filter that narrows by it."""
        return self.filter or self.name

    @property
    def css(self) -> str:
        """Classes of its cells."""
        named = {"end": self.end, "wide": self.wide, "observed": self.observed}
        return " ".join(name for name, has in named.items() if has)

    def draw(self, row: Any, page: ListPage) -> SafeString:
        """Return the cell's content."""
        if self.template:
            return render_to_string(
                self.template, {"row": row, "page": page, "area": page.area}, page.request
            )
        assert self.value is not None
        shown: Any = self.value(row, page)
        return html.nothing() if shown in (None, "") else conditional_escape(shown)

    def export(self, row: Any, page: ListPage) -> object:
        """Return the value as exports have it: plain text or a number."""
        if self.text is not None:
            return self.text(row, page)
        shown = self.value(row, page) if self.value is not None else self.draw(row, page)
        return strip_tags(shown).strip() if isinstance(shown, SafeString) else shown

    def order(self, model: type[Model], *, descending: bool) -> list[OrderBy]:
        """Return what to order by, rows without a value last either way."""
        several = self.sort if isinstance(self.sort, tuple) else (self.sort,)
        return [_order(by, model, descending=descending) for by in several]


def _order(by: By, model: type[Model], *, descending: bool) -> OrderBy:
    # NULLS LAST only where there can be any: with it a descending order could not walk an index.
    last = True if not isinstance(by, str) or _nullable(model, by) else None
    expression = F(by) if isinstance(by, str) else by
    return expression.desc(nulls_last=last) if descending else expression.asc(nulls_last=last)


def _nullable(model: type[Model], path: str) -> bool:
    here: Any = model
    for name in path.split("__"):
        field = next((f for f in here._meta.get_fields() if f.name == name), None)
        if field is None:
            return True  # annotated
        if getattr(field, "null", False):
            return True
        here = field.related_model
    return False


def _name(row: Any, page: ListPage) -> SafeString:
    url = page.of.url(page.area, "one", row) if page.has_detail else ""
    name = html.link(url, str(row.name), "row-name")
    remark = getattr(row, "remark", "")
    return format_html('{}<div class="row-remark">{}</div>', name, remark) if remark else name


def _state(row: Any, page: ListPage) -> SafeString:
    return format_html("{}{}", html.pill(state_label(row)), html.as_of(page.of.as_of(row)))


NAME = Column("name", _("Name"), _name, sort="name", wide=False, text=lambda row, page: row.name)
STATE = Column(
    "state",
    _("State"),
    _state,
    sort="state",
    wide=False,
    facet=state_facet,
    observed=True,
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
    text=lambda row, page: row.created_at,
)
UPDATED = Column(
    "updated",
    _("Updated"),
    lambda row, page: html.moment(row.updated_at),
    sort="updated_at",
    text=lambda row, page: row.updated_at,
    hidden=True,
)
ID = Column(
    "id",
    _("ID"),
    lambda row, page: html.copyable(row.pk),
    sort="id",
    text=lambda row, page: str(row.pk),
    hidden=True,
)
REMARK = Column("remark", _("Remark"), lambda row, page: row.remark, sort="remark", hidden=True)
