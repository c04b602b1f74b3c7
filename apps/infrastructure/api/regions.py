"""/api/v1/regions"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.declarations import Action, Create, Update
from apps.api.paging import CursorPages
from apps.api.representation import Out, moment
from apps.api.views import ObjectApi
from apps.infrastructure.filters import RegionFilter
from apps.infrastructure.models import Region
from apps.infrastructure.selectors import visible_regions
from apps.infrastructure.services import change_region
from apps.infrastructure.verbs import REGION_CHANGE, REGION_CREATE, REGION_DELETE
from apps.lifecycle.actor import Actor


class RegionChanges(serializers.Serializer[Any]):
    label = serializers.CharField(max_length=63)  # type: ignore[assignment]  # DRF takes fields off the class
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


class RegionOut(Out):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields off the class
    fabric_driver = serializers.CharField()
    fabric_address = serializers.CharField(help_text="For administrators only, else empty.")
    dns_servers = serializers.ListField(child=serializers.CharField())
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
            "created_at": moment(row.created_at),
        }

    @classmethod
    def represent(cls, row: Region, rights: Rights) -> dict[str, Any]:
        """Return the region; where its network is run from is no tenant's business."""
        values = super().represent(row, rights)
        return values if rights.everywhere else {**values, "fabric_address": ""}


class ByName(CursorPages):
    page_size = 100
    ordering = ("name",)


def _change(actor: Actor, region: Region, **changes: Any) -> Region:
    change_region(actor, region, changes)
    return Region.objects.get(pk=region.pk)


class RegionApi(ObjectApi):
    """Regions: physical data centres. Everything else belongs to one and stays there."""

    model = Region
    out = RegionOut
    key = "name"
    converter = "slug"
    filterset_class = RegionFilter
    pagination_class = ByName
    create = Create(REGION_CREATE, RegionBody, immediate=True)
    update = Update(REGION_CHANGE, RegionChanges, _change, immediate=True)
    delete = Action(REGION_DELETE, immediate=True, bulk=False)

    def visible(self, actor: Actor) -> QuerySet[Region]:
        """Return the regions the actor may see."""
        return visible_regions(actor)
