"""What stands above a list: controls that narrow it, and chips for what narrows it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.api.filter_fields import By, Choices
from apps.api.filters import ListFilter
from apps.portal.facets import Facet, state_facet
from apps.portal.filter_texts import filter_texts
from apps.portal.kinds import Text

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

#: With more choices than these a control has a search box of its own.
MANY = 8


@dataclass(frozen=True)
class Option:
    value: str
    label: Text
    chosen: bool


@dataclass(frozen=True)
class Control:
    """A drop-down that sets one filter. kind: choices, text, number, moment or flag, as in `apps.api.filter_fields`.

    parameters: the names it sets, with what is set now. asked: it was added just now, and opens by itself.
    """

    name: str
    label: Text
    kind: str
    parameters: dict[str, str]
    options: Sequence[Option] = ()
    negatable: bool = False
    negated: bool = False
    asked: bool = False

    @property
    def searchable(self) -> bool:
        """Whether there are so many choices that one wants to search them."""
        return len(self.options) > MANY

    @property
    def active(self) -> bool:
        """Whether it narrows the list."""
        return any(self.parameters.values())


@dataclass(frozen=True)
class Chip:
    """A filter in force, in words, and the query without it."""

    text: str
    without: str


class Controls:
    """The controls of one list page, made from its facets, its columns and its FilterSet."""

    def __init__(self, page: ListPage) -> None:
        self.page = page
        self.given = page.request.GET
        narrowing = page.filter.narrowed_by() if issubclass(page.filter, ListFilter) else {}
        self._by: dict[str, By] = {**narrowing}
        self._facets = {facet.name: facet for facet in page.facets if facet.area in {"", page.area}}
        if state_facet.name in self._by:
            self._facets.setdefault(state_facet.name, state_facet)
        self._labels: dict[str, Text] = {}
        for column in page.area_columns:
            if column.filter_name in self._by:
                self._labels[column.filter_name] = column.label
                if column.facet is not None:
                    self._facets.setdefault(column.filter_name, column.facet)
        self._standing = [facet.name for facet in page.facets if facet.area in {"", page.area}]

    def shown(self) -> list[Control]:
        """Return the facets that always stand there, then what else is set or was just asked for."""
        asked = self.given.get("add", "")
        more = [name for name in self._offered() if self._is_set(name) or name == asked]
        standing = [control for name in self._standing if (control := self.one(name)) is not None]
        return [c for c in standing if c.active or c.kind != "choices" or len(c.options) > 1] + [
            control for name in more if (control := self.one(name, asked=name == asked)) is not None
        ]

    def addable(self) -> list[tuple[str, Text]]:
        """Return what else can be added, by name and label."""
        return [(name, self._label(name)) for name in self._offered()]

    def one(self, name: str, *, asked: bool = False) -> Control | None:
        """Return the control of a filter; None when this list has no such."""
        by = self._by.get(name)
        facet = self._facets.get(name)
        if by is None:
            return self._plain(facet) if facet is not None else None
        options = self._options(name, by, facet)
        kind = "text" if by.control == "choices" and not options and facet is None else by.control
        return Control(
            name,
            self._label(name),
            kind,
            {parameter: ",".join(self.given.getlist(parameter)) for parameter in by.parameters(name)},
            options,
            negatable=by.negatable,
            negated=name in self._turned,
            asked=asked,
        )

    def chips(self) -> list[Chip]:
        """Return what narrows the list now."""
        found = []
        for name in self._by:
            if self._is_set(name) and (control := self.one(name)) is not None:
                found += self._chips(control)
        return found

    # -- what there is -------------------------------------------------------------------------------------------------

    def _offered(self) -> list[str]:
        names = [column.filter_name for column in self.page.area_columns]
        names += [*self.page.more_filters]
        return [name for name in dict.fromkeys(names) if name in self._by and name not in self._standing]

    def _label(self, name: str) -> Text:
        facet = self._facets.get(name)
        return facet.label if facet is not None else self._labels.get(name) or self._by[name].label

    def _plain(self, facet: Facet) -> Control:
        """A facet of a FilterSet that is no ListFilter: one value of several."""
        chosen = self.given.get(facet.name, "")
        options = [Option(value, label, value == chosen) for value, label in facet.options(self.page)]
        return Control(facet.name, facet.label, "flag", {facet.name: chosen}, options)

    def _options(self, name: str, by: By, facet: Facet | None) -> list[Option]:
        chosen = [part for text in self.given.getlist(name) for part in text.split(",")]
        if facet is not None:
            choices = facet.options(self.page)
        elif isinstance(by, Choices):
            choices = [(str(value), label) for value, label in by.choices]
        elif by.control == "flag":
            choices = [("true", _("Yes")), ("false", _("No"))]
        else:
            return []
        return [Option(value, label, value in chosen) for value, label in choices]

    # -- what is set ---------------------------------------------------------------------------------------------------

    @property
    def _turned(self) -> list[str]:
        return [part for text in self.given.getlist("not") for part in text.split(",")]

    def _is_set(self, name: str) -> bool:
        return any(self.given.get(parameter) for parameter in self._by[name].parameters(name))

    def _chips(self, control: Control) -> list[Chip]:
        return [Chip(text, self._without(parameter)) for parameter, text in filter_texts(control)]

    def _without(self, parameter: str) -> str:
        given = self.given.copy()
        for gone in (parameter, "page", "add", "not"):
            given.pop(gone, None)
        turned = [name for name in self._turned if name != parameter]
        given.setlist("not", turned)
        return "?" + query_of(given)


def query_of(given: QueryDict) -> str:
    """Return a query string of what is not empty."""
    pairs = [(name, value) for name in given for value in given.getlist(name) if value]
    return urlencode(pairs, safe=",:")
