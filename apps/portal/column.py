"""A column of a list: what it shows, how wide it is, what it is sorted and narrowed by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Expression, F, Model, OrderBy, QuerySet, Subquery
from django.template.loader import render_to_string
from django.utils.html import conditional_escape, strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.portal import html
from apps.portal.facets import Facet
from apps.portal.kinds import Text
from apps.portal.widths import Width

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: Path of a column, or an expression.
By = str | Expression | Subquery


@dataclass(frozen=True)
class Column:
    """`value(row, page)` returns text (escaped) or SafeString; or `template` draws the cell, with `row` and `page`.

    sort: path of the column to order by, or an expression; several in a tuple; "" = not sortable.
        A path with "-" in front descends either way: the newest of equal rows first.
    filter: entry of the list's FilterSet that narrows by it; "" = the one of the column's name.
    facet: the choices of such a filter, where the FilterSet does not name them.
    width: what kind of thing it holds, and so how wide it is, whatever the rows show; "" = number or text.
    end: numbers, aligned right. wide: hidden on narrow screens. admin: shown in the administration only.
    brief: on a phone, where there is no room for a column of its own, it stands below the name.
    in_brief: the text there, where that of exports is too long.
    hidden: shown only to who chooses it. observed: comes from the host, and is greyed when that is unreachable.
    kept: among the last that a narrow list leaves out. text: the value in exports, where `value` returns HTML.
    prepare: adds to the query what the column reads.
    """

    name: str
    label: Text
    value: Callable[[Any, ListPage], object] | None = None
    template: str = ""
    sort: By | tuple[By, ...] = ""
    width: Width = ""
    end: bool = False
    wide: bool = True
    admin: bool = False
    filter: str = ""
    facet: Facet | None = None
    brief: bool = False
    hidden: bool = False
    observed: bool = False
    kept: bool = False
    text: Callable[[Any, ListPage], object] | None = None
    in_brief: Callable[[Any], str] | None = None
    prepare: Callable[[QuerySet[Any]], QuerySet[Any]] | None = None

    @property
    def filter_name(self) -> str:
        """Name of the filter that narrows by it."""
        return self.filter or self.name

    @property
    def size(self) -> Width:
        """How wide it is."""
        return self.width or ("number" if self.end else "text")

    @property
    def css(self) -> str:
        """Classes of its cells."""
        named = {f"w-{self.size}": True, "end": self.end, "wide": self.wide, "observed": self.observed}
        return " ".join(name for name, has in named.items() if has)

    def draw(self, row: Any, page: ListPage) -> SafeString:
        """Return the cell's content."""
        if self.template:
            return render_to_string(
                self.template, {"row": row, "page": page, "area": page.area}, page.request
            )
        assert self.value is not None
        shown: Any = self.value(row, page)
        if isinstance(shown, str) and not isinstance(shown, SafeString):
            shown = html.unbroken(shown)
        return html.nothing() if shown in (None, "") else conditional_escape(shown)

    def summary(self, row: Any, page: ListPage) -> str:
        """Return what stands below the name on a phone."""
        return self.in_brief(row) if self.in_brief is not None else str(self.export(row, page) or "")

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
    if isinstance(by, str) and by.startswith("-"):
        by, descending = by[1:], True
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


def yes_or_no(value: bool) -> str:
    """Return the word for a flag, as its filter has it."""
    return _("Yes") if value else _("No")
