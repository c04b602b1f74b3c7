"""Choices offered above a list: a facet is a filter of the list's FilterSet with the values it can have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from apps.accounts.access import visible_projects
from apps.accounts.models import Tenant
from apps.api.filter_fields import Choices as FilterChoices
from apps.api.filters import ListFilter
from apps.lifecycle.models import Resource, State
from apps.lifecycle.models.status import Status
from apps.portal.kinds import Text
from apps.portal.status_filter import states_of

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

Choices = Iterable[tuple[object, Text]]

#: Longest list of choices offered; whoever has more tenants than this narrows by search.
MOST_CHOICES = 500


@dataclass(frozen=True)
class Facet:
    """name: the query parameter. area: the only portal that offers it; "" = both."""

    name: str
    label: Text
    choices: Callable[[ListPage], Choices]
    area: str = ""

    def options(self, page: ListPage) -> list[tuple[str, Text]]:
        """Return the choices as they stand in URLs, with their labels."""
        return [(str(value), text) for value, text in self.choices(page)]


def choice_facet(name: str, label: Text, choices: Callable[[ListPage], Choices]) -> Facet:
    """Return a facet of both portals."""
    return Facet(name, label, choices)


def _states(page: ListPage) -> Choices:
    return [
        (State.READY, _("Available")),
        (State.PENDING, _("Creating")),
        (State.ERROR, _("Failed")),
    ]


def _status_words(page: ListPage) -> Choices:
    words = [(each.code, each.word) for each in states_of(page.filter)]
    if not words:
        return _derived_words(page)
    given = {part for text in page.request.GET.getlist("status") for part in text.split(",")}
    # The API's status of several words: not offered, but a link from there says what it narrows by.
    return [*words, *([(Status.UPDATING, _("Updating"))] if Status.UPDATING in given else [])]


def _derived_words(page: ListPage) -> Choices:
    """The words of what is no resource, which its filter names."""
    by = page.filter.narrowed_by().get("status") if issubclass(page.filter, ListFilter) else None
    return by.choices if isinstance(by, FilterChoices) else []


def _projects(page: ListPage) -> Choices:
    projects = visible_projects(page.actor)
    if not page.admin:
        return projects.order_by("name").values_list("uid", "name")[:MOST_CHOICES]
    # Every tenant has a project "default": with the tenant's name they can be distinguished.
    rows = projects.order_by("tenant__name", "name").values_list("uid", "tenant__name", "name")
    return [(uid, f"{tenant} / {name}") for uid, tenant, name in rows[:MOST_CHOICES]]


def _tenants(page: ListPage) -> Choices:
    return Tenant.objects.order_by("name").values_list("uid", "name")[:MOST_CHOICES]


def _regions(page: ListPage) -> Choices:
    # The kit imports no domain app: the model is the one the column points to.
    regions = Resource._meta.get_field("region").related_model._default_manager.values_list("name", "label")
    return regions[:MOST_CHOICES]


#: The words of the state column; the list's filter is made by `with_status`.
status_facet = Facet("status", _("State"), _status_words)
#: The stored, coarse state, which older links and saved views name.
state_facet = Facet("state", _("State"), _states)
project_facet = Facet("project", _("Project"), _projects)
tenant_facet = Facet("tenant", _("Tenant"), _tenants, area="admin")
region_facet = Facet("region", _("Region"), _regions)
