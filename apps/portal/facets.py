"""Filters offered above a list. A facet is a function of the page; None when the page does not want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from apps.lifecycle.models import Resource, State
from apps.portal.kinds import Text
from apps.tenancy.access import visible_projects
from apps.tenancy.models import Tenant

if TYPE_CHECKING:
    from apps.portal.lists import ListPage

Facet = Callable[["ListPage"], dict[str, Any] | None]
Choices = Iterable[tuple[object, Text]]

#: Longest list of choices offered; whoever has more tenants than this narrows by search.
MOST_CHOICES = 200


def choice_facet(name: str, label: Text, choices: Callable[[ListPage], Choices]) -> Facet:
    """Return a facet with one choice of several: a parameter of the list's FilterSet."""

    def draw(page: ListPage) -> dict[str, Any] | None:
        options = [(str(value), text) for value, text in choices(page)]
        chosen = page.request.GET.get(name, "")
        return (
            {"name": name, "label": label, "options": options, "chosen": chosen} if len(options) > 1 else None
        )

    return draw


def state_facet(page: ListPage) -> dict[str, Any] | None:
    """Filter by stored state."""
    words = [
        (State.READY, _("Available")),
        (State.PENDING, _("Being created")),
        (State.ERROR, _("Failed")),
    ]
    return choice_facet("state", _("State"), lambda _page: words)(page)


def project_facet(page: ListPage) -> dict[str, Any] | None:
    """Filter by project, in a tenant's own portal."""
    if page.admin:
        return None
    projects = visible_projects(page.actor).values_list("uid", "name")[:MOST_CHOICES]
    return choice_facet("project", _("Project"), lambda _page: projects)(page)


def tenant_facet(page: ListPage) -> dict[str, Any] | None:
    """Filter by tenant, in the administration."""
    if not page.admin:
        return None
    tenants = Tenant.objects.values_list("uid", "name")[:MOST_CHOICES]
    return choice_facet("tenant", _("Tenant"), lambda _page: tenants)(page)


def region_facet(page: ListPage) -> dict[str, Any] | None:
    """Filter by region."""
    # The kit imports no domain app: the model is the one the column points to.
    regions = Resource._meta.get_field("region").related_model._default_manager.values_list("name", "label")
    return choice_facet("region", _("Region"), lambda _page: regions[:MOST_CHOICES])(page)
