"""Request bodies of external segments."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import Items, LineField
from apps.network.models.external import LAST_VLAN
from apps.network.segment_plan import MOST_MBIT, MOST_ROUTES
from apps.network.segment_ranges import MOST_RANGES
from apps.network.services import external_segment as services

ROUTES_HELP = "Destinations that VMs reach through the segment; 0.0.0.0/0 or ::/0 is the default route."


class SegmentRangeBody(serializers.Serializer[Any]):
    first = serializers.CharField(max_length=limits.ADDRESS)
    last = serializers.CharField(max_length=limits.ADDRESS)
    reserved = serializers.BooleanField(
        required=False, default=False, help_text="true: reserved, never assigned to tenants."
    )


def _routes(**more: Any) -> serializers.ListField:
    child = serializers.CharField(max_length=43)
    return serializers.ListField(child=child, max_length=MOST_ROUTES, help_text=ROUTES_HELP, **more)


def _ceiling(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1,
        max_value=MOST_MBIT,
        help_text="Maximum bandwidth of an address in Mbit/s, in each direction.",
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
    ranges = Items(SegmentRangeBody(), MOST_RANGES, required=False, default=list)
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
    """Fields that are left out stay unchanged."""

    ranges = Items(SegmentRangeBody(), MOST_RANGES, required=False)
    routes = _routes(required=False)
    ceiling_mbit = _ceiling(required=False)


class AddressBody(serializers.Serializer[Any]):
    address = serializers.CharField(
        max_length=limits.ADDRESS, help_text="An address in conflict or in quarantine."
    )
