"""/api/v1/regions"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.bodies import LineField
from apps.api.declarations import Action, Create, Update
from apps.api.paging import CursorPages
from apps.api.representation import Out, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.infrastructure.filters import RegionFilter
from apps.infrastructure.models import Region
from apps.infrastructure.readiness import checks_of, with_checks
from apps.infrastructure.region_opening import close_region, open_region
from apps.infrastructure.selectors import visible_regions
from apps.infrastructure.services.regions import change_region, create_region
from apps.infrastructure.verbs import (
    REGION_CHANGE,
    REGION_CLOSE,
    REGION_CREATE,
    REGION_DELETE,
    REGION_OPEN,
)
from apps.lifecycle.actor import Actor


class RegionChanges(serializers.Serializer[Any]):
    label = LineField(max_length=63)  # type: ignore[assignment]  # DRF takes fields off the class
    fabric_address = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    dns_servers = serializers.ListField(
        child=serializers.IPAddressField(max_length=limits.ADDRESS),
        required=False,
        default=list,
        max_length=3,
    )


class RegionBody(RegionChanges):
    name = serializers.SlugField(max_length=32)
    fabric_driver = serializers.ChoiceField(choices=["ovn", "memory"], default="ovn")


class CheckOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    passed = serializers.BooleanField()
    text = serializers.CharField()


class RegionOut(Out):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields off the class
    fabric_driver = serializers.CharField()
    fabric_address = serializers.CharField(help_text="For administrators only, otherwise empty.")
    dns_servers = serializers.ListField(child=serializers.CharField())
    status = one_of(["open", "closed"])
    open_to_tenants = serializers.BooleanField(help_text="Whether tenants may create anything in it.")
    checks = CheckOut(many=True, help_text="What it needs to be opened; for administrators only, else empty.")
    created_at = serializers.DateTimeField()

    @staticmethod
    def own(row: Region) -> dict[str, Any]:
        """Return the region's values."""
        return {
            "name": row.name,
            "label": row.label,
            "fabric_driver": row.fabric_driver,
            "fabric_address": row.fabric_address,
            "dns_servers": row.dns_servers,
            "status": "open" if row.open_to_tenants else "closed",
            "open_to_tenants": row.open_to_tenants,
            "checks": [],
            "created_at": moment(row.created_at),
        }

    @classmethod
    def represent(cls, row: Region, rights: Rights) -> dict[str, Any]:
        """Return the region; where its network is run from is no tenant's business."""
        values = super().represent(row, rights)
        if not rights.everywhere:
            return {**values, "fabric_address": ""}
        return {**values, "checks": [asdict(check) for check in checks_of(row)]}


class ByName(CursorPages):
    page_size = 100
    ordering = ("name",)


def _change(actor: Actor, region: Region, **changes: Any) -> Region:
    change_region(actor, region, changes)
    return shown_region(region)


def shown_region(region: Region) -> Region:
    """Return a region with what its representation reads."""
    return with_checks(Region.objects.all()).get(pk=region.pk)


def _open(actor: Actor, region: Region) -> Region:
    return shown_region(open_region(actor, region))


def _close(actor: Actor, region: Region) -> Region:
    return shown_region(close_region(actor, region))


def _create(actor: Actor, **body: Any) -> Region:
    return shown_region(create_region(actor, **body))


class RegionApi(ObjectApi):
    """Regions: physical data centres. All other resources belong to one region."""

    model = Region
    out = RegionOut
    key = "name"
    converter = "slug"
    filterset_class = RegionFilter
    pagination_class = ByName
    create = Create(REGION_CREATE, RegionBody, _create, immediate=True)
    update = Update(REGION_CHANGE, RegionChanges, _change, immediate=True)
    actions = (
        Action(REGION_OPEN, adapter=_open, immediate=True, bulk=False),
        Action(REGION_CLOSE, adapter=_close, immediate=True, bulk=False),
    )
    delete = Action(REGION_DELETE, immediate=True, bulk=False)

    def visible(self, actor: Actor) -> QuerySet[Region]:
        """Return the regions the actor may see."""
        return visible_regions(actor)
