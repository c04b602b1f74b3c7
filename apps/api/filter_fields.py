"""What a list can be narrowed by: the kinds of query parameters, the same in the API and in page URLs.

Every entry of a FilterSet's `by` becomes one parameter or two: `name=` (text, choices, flags), `size_min=` and
`size_max=` (numbers), `created_after=` and `created_before=` (times). `not=name` turns texts and choices round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import django_filters as filters
from django import forms
from django.db.models import Expression, Q, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django_filters.constants import EMPTY_VALUES
from django_filters.fields import IsoDateTimeField
from drf_spectacular.plumbing import build_basic_type
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from apps.api.query_fields import (
    BOUNDS,
    LONGEST,
    MOST_VALUES,
    WITHOUT_NUL,
    AnyOfField,
    ComposedField,
    FlagField,
    FlagWidget,
    bounded,
)
from apps.api.vocabulary import WordField, word_of
from apps.lifecycle.verbs import Text as Label


@dataclass(frozen=True)
class By:
    """on: path of the column; or `expression`, worked out in SQL; or `where`, the condition for a value given.

    admin: for admins as such only; a list narrowed by it is empty for everybody else.
    """

    label: Label
    on: str = ""
    expression: Expression | None = None
    where: Callable[[Any], Q] | None = None
    admin: bool = False

    #: How pages draw it, and whether `not=` may name it.
    control: ClassVar[str] = ""
    negatable: ClassVar[bool] = False

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return the filters by the names of their query parameters."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(By):
    """The value holds, or with `lookup` begins with, what is given; case does not matter."""

    lookup: str = "icontains"

    control = "text"
    negatable = True

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return one parameter."""
        says = _("{}: starts with") if self.lookup.endswith("startswith") else _("{}: contains")
        field = ComposedField(required=False, max_length=LONGEST)
        schema = {"type": "string", "maxLength": LONGEST, "pattern": WITHOUT_NUL}
        return {name: FilterSpec(name, self, field, self.lookup, schema, says)}


@dataclass(frozen=True)
class Choices(By):
    """Any of the values given, as a repeated parameter or as a list with commas. `each` reads one of them."""

    choices: Sequence[tuple[Any, Label]] = ()
    each: type[forms.Field] = forms.CharField

    control = "choices"
    negatable = True

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return one parameter that may be given several times."""
        given = list(self.choices)
        each = forms.ChoiceField(choices=given) if given else bounded(self.each)
        items: dict[str, Any] = dict(build_basic_type(_TYPES.get(self.each, OpenApiTypes.STR)) or {})
        items |= BOUNDS.get(self.each, {})
        if issubclass(self.each, WordField):
            items = word_of(self.each.vocabulary)
        if given:
            items["enum"] = sorted(str(value) for value, _label in given)
        schema = {"type": "array", "items": items, "maxItems": MOST_VALUES}
        says = _("{}: any of these values, repeated or comma-separated")
        return {name: FilterSpec(name, self, AnyOfField(each), "in", schema, says)}


@dataclass(frozen=True)
class Number(By):
    """At least and at most. `scale`: how many of the column's units one of the parameter's is."""

    scale: int = 1

    control = "number"
    #: Far beyond anything there is; times `scale`, what is larger would be infinite.
    most: ClassVar[float] = 1e15

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return the lower and the upper bound."""
        field = forms.FloatField(required=False, min_value=-self.most, max_value=self.most)
        schema = {"type": "number", "minimum": -self.most, "maximum": self.most}
        return {
            f"{name}_min": FilterSpec(name, self, field, "gte", schema, _("{}: at least")),
            f"{name}_max": FilterSpec(name, self, field, "lte", schema, _("{}: at most")),
        }


@dataclass(frozen=True)
class Moment(By):
    """Not before the one, and before the other. A time without a zone is in the reader's.

    prefix: how the two parameters begin; by default as the entry is called, with an underscore.
    """

    prefix: str | None = None

    control = "moment"

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return the two ends."""
        field = IsoDateTimeField(required=False)
        prefix = f"{name}_" if self.prefix is None else self.prefix
        return {
            f"{prefix}after": FilterSpec(
                name, self, field, "gte", OpenApiTypes.DATETIME, _("{}: at or after this time")
            ),
            f"{prefix}before": FilterSpec(
                name, self, field, "lt", OpenApiTypes.DATETIME, _("{}: before this time")
            ),
        }


@dataclass(frozen=True)
class Flag(By):
    """True or false."""

    control = "flag"

    def parameters(self, name: str) -> dict[str, FilterSpec]:
        """Return one parameter."""
        field = FlagField(required=False, widget=FlagWidget())
        return {name: FilterSpec(name, self, field, "exact", OpenApiTypes.BOOL)}


_TYPES: dict[type[forms.Field], OpenApiTypes] = {forms.UUIDField: OpenApiTypes.UUID}


class FilterSpec(filters.Filter):
    """One parameter of a By. `exclude` is set for a request that names it in `not=`."""

    def __init__(
        self, name: str, by: By, field: forms.Field, lookup: str, schema: Any, says: Label = "{}"
    ) -> None:
        label, spoken = cast(Any, by.label), cast(Any, says)  # the stubs know no lazy texts
        super().__init__(field_name=by.on or name, lookup_expr=lookup, label=label)
        self.by, self.alias = by, f"by_{name}"
        # What django-filter would make from `field_class`.
        self._field = field
        field.label = label
        shown = dict(schema) if isinstance(schema, dict) else dict(build_basic_type(schema) or {})
        described: Any = extend_schema_field({**shown, "description": format_lazy(spoken, label)})
        described(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> FilterSpec:
        # Every FilterSet copies its filters deeply, with all the SQL in them; what is set per request is flat.
        return copy(self)

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        """Keep what fits the value, or with `exclude` what does not."""
        if value in EMPTY_VALUES:
            return qs
        if self.by.expression is not None:
            qs = qs.alias(**{self.alias: self.by.expression})
        condition = self._condition(value)
        return qs.exclude(condition) if self.exclude else qs.filter(condition)

    def _condition(self, value: Any) -> Q:
        if self.by.where is not None:
            return self.by.where(value)
        if isinstance(self.by, Number):
            value = value * self.by.scale
        path = self.alias if self.by.expression is not None else self.by.on
        return Q(**{f"{path}__{self.lookup_expr}": value})
