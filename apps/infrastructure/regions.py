"""Regions are islands: what is bound together must be of one (RG-2)."""

from __future__ import annotations

from typing import Protocol

from django.db.models import Count, F, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.accounts.models import Project
from apps.infrastructure.load import fresh
from apps.infrastructure.models import Host, Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Resource


class Regional(Protocol):
    """Anything with a region and a name: resources and clusters alike."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> Region | None: ...

    @property
    def region_id(self) -> int | None: ...


def ensure_one_region(first: Regional, *others: Regional, field: str = "") -> None:
    """Raise Refused (at `field`), naming both, when one of `others` is of another region than `first`."""
    for other in others:
        if other.region_id != first.region_id:
            raise Refused(
                _("%(first)s is in region %(here)s, %(other)s in region %(there)s.")
                % {"first": first.name, "here": first.region, "other": other.name, "there": other.region},
                code="region.mismatch",
                field=field,
                hint=_("Choose both in the same region."),
            )


def chosen_region(actor: Actor, project: Project, name: str | None) -> Region:
    """Return the region of that name; without one, where the project's tenant has things and there is room.

    Raises Invalid (field "region") for one that does not exist, or is not open to tenants.
    """
    if not name:
        return default_region(project)
    region = Region.objects.filter(name=name).first()
    if region is None:
        raise Invalid({"region": [_("Region not found.")]})
    ensure_open(actor, region, "region")
    return region


def offered_regions(actor: Actor) -> list[Region]:
    """Return the regions a form offers, the default one first."""
    regions = list(Region.objects.filter(open_to_tenants=True))
    return ranked_regions(regions, actor.tenant.pk) if actor.tenant and len(regions) > 1 else regions


def ensure_open(actor: Actor, region: Region | None, field: str) -> None:
    """Raise Invalid at `field` where a tenant may create nothing in the region."""
    everywhere = actor.is_system or (actor.is_admin and actor.tenant is None)
    if region is not None and not region.open_to_tenants and not everywhere:
        text = _("Region %(name)s is not open to tenants. Choose another region.") % {"name": region.label}
        raise Invalid({field: [text]})


def default_region(project: Project) -> Region:
    """Return the open region in which the tenant has most, of those with room; if it has nothing, that with most room.

    Raises Invalid (field "region") when none is open.
    """
    regions = list(Region.objects.filter(open_to_tenants=True))
    if not regions:
        raise Invalid(
            {"region": [_("No region is open to tenants.")]},
            hint=_("An administrator must open a region first."),
        )
    return regions[0] if len(regions) == 1 else ranked_regions(regions, project.tenant_id)[0]


def ranked_regions(regions: list[Region], tenant_id: int) -> list[Region]:
    """Return regions, the best one for something new of the tenant first. Two statements."""
    things = dict(
        Resource.objects.filter(tenant_id=tenant_id, region__in=regions)
        .order_by()
        .values_list("region")
        .annotate(n=Count("pk"))
    )
    free = Coalesce(Sum(F("memory_capacity_mib") - F("memory_reserved_mib")), 0)
    room = dict(
        Host.objects.filter(fresh(), accepts_vms=True, cluster__region__in=regions)
        .order_by()
        .values_list("cluster__region")
        .annotate(free=free)
    )

    def rank(region: Region) -> tuple[bool, int, int, str]:
        left = room.get(region.pk, 0)
        return left <= 0, -things.get(region.pk, 0), -left, region.name

    return sorted(regions, key=rank)
