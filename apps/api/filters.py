"""Filters every list of resources has, for the API and the pages alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

import django_filters as filters
from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import By, Choices, FilterSpec, Moment, Text
from apps.api.query_fields import AnyOfField, Words
from apps.api.status_filter import status_filter
from apps.lifecycle.models import Resource, State

#: From so many characters on, what looks like the beginning of an id is searched as one.
LEAST_ID = 6
ID_DIGITS = 32


class ListFilter(filters.FilterSet):
    """Subclass with `by`: what the list can be narrowed by, beside what its parents have."""

    by: ClassVar[Mapping[str, By]] = {}

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        # Of dozens of parameters a request has two or three: only those are worth a copy and a form field.
        self.base_filters = OrderedDict(
            (name, each) for name, each in self.base_filters.items() if name in (data or ())
        )
        super().__init__(data, *args, **kwargs)

    @classmethod
    def narrowed_by(cls) -> dict[str, By]:
        """Return everything the list can be narrowed by, the parents' first."""
        found: dict[str, By] = {}
        for parent in reversed(cls.__mro__):
            found |= vars(parent).get("by", {})
        return found

    @classmethod
    def get_filters(cls) -> OrderedDict[str, Any]:
        """Add the parameters of `by`, and `not`."""
        found: OrderedDict[str, Any] = OrderedDict(super().get_filters())
        entries = cls.narrowed_by()
        for name, by in entries.items():
            found |= by.parameters(name)
        negatable = [(name, name) for name, by in entries.items() if by.negatable]
        return found | Choices(_("Filters to negate (“is not”)"), choices=negatable).parameters("not")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Apply what is given."""
        given = self.form.cleaned_data
        turned = given.pop("not", [])
        for name, value in given.items():
            parameter = self.filters[name]
            if isinstance(parameter, FilterSpec) and value not in (None, "", []):
                if parameter.by.admin and not self._is_admin:
                    return queryset.none()
                parameter.exclude = name in turned
            queryset = parameter.filter(queryset, value)
        return queryset

    @property
    def _is_admin(self) -> bool:
        actor = getattr(self.request, "actor", None)
        return actor is not None and actor.is_admin and actor.tenant is None


class ResourceFilter(ListFilter):
    """Subclass to add a kind's own filters; override `search` to find it by more than name and id."""

    q = Words(method="search", label=_("Search"))
    by = {
        "name": Text(_("Name"), "name"),
        "description": Text(_("Description"), "description"),
        "id": Choices(_("ID"), "id", each=forms.UUIDField),
        "state": Choices(_("State"), "state", choices=State.choices),
        "status": status_filter(),
        "project": Choices(_("Project"), "project__uid", each=forms.UUIDField),
        "tenant": Choices(_("Tenant"), "tenant__uid", each=forms.UUIDField),
        "region": Choices(_("Region"), "region__name"),
        "created": Moment(_("Created"), "created_at"),
        "updated": Moment(_("Updated"), "updated_at"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep rows whose name holds `value`, or whose id begins with it."""
        return queryset.filter(named_or_with_id(value.strip()))


def named_or_with_id(value: str) -> Q:
    """Return the condition of the search box all kinds share: part of name or description, or beginning of the id."""
    named = Q(name__icontains=value) | Q(description__icontains=value)
    ids = _ids(value)
    if ids is None:
        return named
    # In one table, so that all three conditions together can use its indexes.
    return Q(pk__in=Resource.objects.filter(named | Q(id__range=ids)).values("pk"))


def _ids(value: str) -> tuple[UUID, UUID] | None:
    """Return the first and last id that begin with `value`; None when it is no beginning of an id."""
    digits = value.replace("-", "")
    if not LEAST_ID <= len(digits) <= ID_DIGITS:
        return None
    try:
        return UUID(digits.ljust(ID_DIGITS, "0")), UUID(digits.ljust(ID_DIGITS, "f"))
    except ValueError:
        return None


def list_parameters(view: Any) -> dict[str, bool]:
    """Return the query parameters of a view's list, of filters and pages, and whether each may be repeated."""
    filterset = getattr(view, "filterset_class", None)
    filters_: Mapping[str, Any] = filterset.base_filters if filterset else {}
    pages = {each["name"]: False for each in view.paginator.get_schema_operation_parameters(view)}
    return pages | {name: isinstance(each.field, AnyOfField) for name, each in filters_.items()}
