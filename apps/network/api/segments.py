"""External segments in the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api.bodies import Labels
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.infrastructure.api.clusters import PermitBody, region_named, tenants_with
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network import selectors
from apps.network.api.segment_bodies import ROUTES_HELP, AddressBody, ChangeBody, SegmentBody
from apps.network.external_filters import SegmentFilter
from apps.network.models import ExternalSegment
from apps.network.services import external_segment as services
from apps.network.services.repair_external import free_address
from apps.network.services.segment_addresses import free_addresses
from apps.network.verbs.external_segment import (
    SEGMENT_CHANGE,
    SEGMENT_CREATE,
    SEGMENT_DELETE,
    SEGMENT_FREE_ADDRESS,
    SEGMENT_PERMIT,
    SEGMENT_RENAME,
    SEGMENT_RETRY,
)


class RangeOut(serializers.Serializer[Any]):
    first = serializers.CharField()
    last = serializers.CharField()
    reserved = serializers.BooleanField()


#: What is no tenant's business, and what a tenant reads instead.
_INNER: dict[str, Any] = {
    "vlan": None,
    "physical_network": "",
    "router_address": "",
    "ranges": [],
    "tenants": [],
    "taken_addresses": None,
}


class SegmentOut(ResourceOut):
    cidr = serializers.CharField()
    version = serializers.IntegerField(help_text="4 or 6.")
    gateway = serializers.CharField()
    routes = serializers.ListField(child=serializers.CharField(), help_text=ROUTES_HELP)
    ceiling_mbit = serializers.IntegerField()
    free_addresses = serializers.IntegerField(help_text="At most 1,000,000,000.")
    open_to_all = serializers.BooleanField()
    vlan = serializers.IntegerField(allow_null=True, help_text="For administrators only, otherwise null.")
    physical_network = serializers.CharField(help_text="For administrators only, otherwise empty.")
    router_address = serializers.CharField(help_text="For administrators only, otherwise empty.")
    ranges = RangeOut(many=True, help_text="For administrators only, otherwise empty.")
    tenants = ReferenceOut(many=True, help_text="For administrators only, otherwise empty.")
    taken_addresses = serializers.IntegerField(
        allow_null=True,
        help_text="In use, in quarantine or in conflict. For administrators only, otherwise null.",
    )

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the segment's values."""
        return {
            "cidr": str(row.cidr),
            "version": row.version,
            "gateway": str(row.gateway),
            "routes": [str(route) for route in row.routes],
            "ceiling_mbit": row.ceiling_mbit,
            "free_addresses": free_addresses(row),
            "open_to_all": row.open_to_all,
            "vlan": row.provider_network.vlan,
            "physical_network": row.provider_network.physical_network,
            "router_address": str(row.router_address),
            "ranges": [
                {"first": str(each.first), "last": str(each.last), "reserved": each.reserved}
                for each in row.ranges.all()
            ],
            "tenants": [{"id": str(tenant.uid), "name": tenant.name} for tenant in row.tenants.all()],
            "taken_addresses": row.taken_addresses,
        }

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the segment; how it is connected and who else may use it is no tenant's business."""
        values = super().represent(row, rights)
        return values if rights.everywhere else {**values, **_INNER}


def _create(actor: Actor, *, region: str, tenants: Sequence[UUID], **body: Any) -> Operation:
    return services.create_segment(actor, region=region_named(region), tenants=tenants_with(tenants), **body)


def _permit(
    actor: Actor, segment: ExternalSegment, *, open_to_all: bool, tenants: Sequence[UUID]
) -> ExternalSegment:
    services.permit_segment(actor, segment, open_to_all=open_to_all, tenants=tenants_with(tenants))
    return _shown(actor, segment)


def _free(actor: Actor, segment: ExternalSegment, *, address: str) -> ExternalSegment:
    free_address(actor, segment, address=address)
    return _shown(actor, segment)


def _shown(actor: Actor, segment: ExternalSegment) -> ExternalSegment:
    """Return the segment as it is then, with what is shown of it."""
    return selectors.visible_segments(actor).get(pk=segment.pk)


class SegmentsApi(ResourceApi):
    """External segments: networks outside the platform from which EIPs and external NICs get their addresses."""

    model = ExternalSegment
    out = SegmentOut
    filterset_class = SegmentFilter
    create = Create(SEGMENT_CREATE, SegmentBody, _create)
    update = Update(SEGMENT_RENAME, Labels, immediate=True)
    delete = Action(SEGMENT_DELETE)
    actions = (
        Action(SEGMENT_CHANGE, ChangeBody, bulk=False),
        Action(SEGMENT_PERMIT, PermitBody, _permit, immediate=True),
        Action(SEGMENT_FREE_ADDRESS, AddressBody, _free, immediate=True, bulk=False),
        Action(SEGMENT_RETRY),
    )

    def visible(self, actor: Actor) -> QuerySet[ExternalSegment]:
        """Return the segments the actor may see, or use if it is a tenant."""
        return selectors.visible_segments(actor)
