"""External segments and the addresses of them that are not free, in the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.bodies import Items, LineField
from apps.api.declarations import Action, Create, Update
from apps.api.paging import CursorPages
from apps.api.representation import Out, ReferenceOut, ResourceOut, moment
from apps.api.views import ObjectApi, ResourceApi
from apps.infrastructure.api.clusters import PermitBody, region_named, tenants_with
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation
from apps.network import selectors
from apps.network.api.nics import OwnerOut
from apps.network.filters import SegmentAddressFilter, SegmentFilter
from apps.network.models import ExternalSegment, SegmentAddress
from apps.network.models.external import LAST_VLAN
from apps.network.segment_plan import MOST_MBIT, MOST_RANGES, MOST_ROUTES
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

_ROUTES_HELP = "Destinations handed out with its addresses; 0.0.0.0/0 or ::/0 is the default route."


class RangeBody(serializers.Serializer[Any]):
    first = serializers.CharField(max_length=limits.ADDRESS)
    last = serializers.CharField(max_length=limits.ADDRESS)
    kept_back = serializers.BooleanField(
        required=False, default=False, help_text="true: not given out to tenants."
    )


def _routes(**more: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=43)
    return serializers.ListField(child=child, max_length=MOST_ROUTES, help_text=_ROUTES_HELP, **more)


def _ceiling(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1,
        max_value=MOST_MBIT,
        help_text="Most Mbit/s that a tenant can set for an address.",
        **more,
    )


class SegmentBody(serializers.Serializer[Any]):
    region = serializers.SlugField(max_length=32, help_text="Name of the region.")
    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")
    cidr = serializers.CharField(max_length=43, help_text="IPv4 or IPv6 CIDR block, such as 203.0.113.0/24.")
    vlan = serializers.IntegerField(min_value=0, max_value=LAST_VLAN, help_text="0: untagged.")
    physical_network = serializers.CharField(
        max_length=63, help_text="Name that the hosts’ bridge mappings have for it, such as physnet1."
    )
    gateway = serializers.CharField(
        max_length=limits.ADDRESS, help_text="Router outside the platform, in the CIDR block."
    )
    router_address = serializers.CharField(
        max_length=limits.ADDRESS,
        required=False,
        allow_blank=True,
        default="",
        help_text="The platform's own address in it. By default the last one.",
    )
    ranges = Items(RangeBody(), MOST_RANGES, required=False, default=list)
    routes = _routes(required=False, default=list)
    ceiling_mbit = _ceiling(required=False, default=services.DEFAULT_CEILING_MBIT)
    open_to_all = serializers.BooleanField(required=False, default=True)
    tenants = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=limits.ITEMS,
        required=False,
        default=list,
        help_text="Tenants with access if not open to all.",
    )


class ChangeBody(serializers.Serializer[Any]):
    """What is not given stays as it is."""

    ranges = Items(RangeBody(), MOST_RANGES, required=False)
    routes = _routes(required=False)
    ceiling_mbit = _ceiling(required=False)


class AddressBody(serializers.Serializer[Any]):
    address = serializers.CharField(
        max_length=limits.ADDRESS, help_text="An address in conflict or in quarantine."
    )


class RangeOut(serializers.Serializer[Any]):
    first = serializers.CharField()
    last = serializers.CharField()
    kept_back = serializers.BooleanField()


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
    routes = serializers.ListField(child=serializers.CharField(), help_text=_ROUTES_HELP)
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
                {"first": str(each.first), "last": str(each.last), "kept_back": each.kept_back}
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
    update = Update(SEGMENT_RENAME)
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


class SegmentAddressOut(Out):
    id = serializers.IntegerField()
    ip = serializers.CharField()
    segment = ReferenceOut()
    use = serializers.ChoiceField(choices=SegmentAddress.Use.choices)
    holder = OwnerOut(allow_null=True)
    tenant = ReferenceOut(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="End of the quarantine.")
    mac = serializers.CharField(help_text="Of a conflict: MAC that answered. Otherwise empty.")

    @staticmethod
    def own(row: SegmentAddress) -> dict[str, Any]:
        """Return the address and who has it."""
        holder = row.holder
        tenant = holder.tenant if holder is not None else None
        return {
            "id": row.pk,
            "ip": str(row.ip),
            "segment": {"id": str(row.segment_id), "name": row.segment.name},
            "use": row.use,
            "holder": holder and {"id": str(holder.pk), "name": holder.name, "kind": holder.kind},
            "tenant": {"id": str(tenant.uid), "name": tenant.name} if tenant else None,
            "until": moment(row.until),
            "mac": row.mac,
        }


class ByAddress(CursorPages):
    ordering = ("ip",)


class SegmentAddressesApi(ObjectApi):
    """Addresses of external segments that are not free: in use, in quarantine or in conflict."""

    model = SegmentAddress
    out = SegmentAddressOut
    converter = "int"
    filterset_class = SegmentAddressFilter
    pagination_class = ByAddress

    def visible(self, actor: Actor) -> QuerySet[SegmentAddress]:
        """Return the addresses to an admin as such; nobody else may know of them all."""
        return selectors.visible_segment_addresses(actor)
