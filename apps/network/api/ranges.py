"""The allowed blocks in the API."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView
from apps.api.bodies import Items
from apps.api.conditional import ensure_unchanged, with_etag
from apps.api.parameters import UNCHANGED, UNLESS_CHANGED, UNLESS_KNOWN
from apps.api.problem_out import PROBLEM
from apps.api.transactions import answered_in_one_transaction
from apps.lifecycle.actor import Actor
from apps.network.ranges import VpcRange, allowed_ranges
from apps.network.services.allowed_ranges import hold_allowed_ranges, set_allowed_ranges

#: Blocks that VPCs may be cut from.
MOST_RANGES = 50


class RangeBody(serializers.Serializer[Any]):
    cidr = serializers.CharField(max_length=43)
    min_prefix = serializers.IntegerField(
        min_value=0, max_value=32, help_text="Shortest prefix length of a VPC."
    )
    max_prefix = serializers.IntegerField(
        min_value=0, max_value=32, help_text="Longest prefix length of a VPC."
    )


class RangesBody(serializers.Serializer[Any]):
    ranges = Items(
        RangeBody(), MOST_RANGES, help_text="All CIDR blocks; an empty list restores the defaults."
    )


class VpcRangesApi(ApiView):
    """Which blocks VPCs may be cut from."""

    conditional = frozenset({"put"})

    @extend_schema(
        operation_id="list_vpc_ranges",
        tags=["Vpcs"],
        summary="Allowed blocks",
        parameters=[UNLESS_KNOWN],
        responses={200: RangesBody, 304: UNCHANGED, 422: PROBLEM},
    )
    def get(self, request: Request) -> Response:
        """Current values; readable by all users."""
        return with_etag(request, _answer())

    @extend_schema(
        operation_id="set_vpc_ranges",
        tags=["Vpcs"],
        summary="Set the allowed CIDR blocks (administrators)",
        request=RangesBody,
        parameters=[UNLESS_CHANGED],
        responses={200: RangesBody, 403: PROBLEM, 412: PROBLEM, 422: PROBLEM},
    )
    @answered_in_one_transaction
    def put(self, request: Request) -> Response:
        """Replace the list. Existing VPCs do not change."""
        body = self.read(RangesBody)
        actor = cast(Actor, request._request.actor)  # type: ignore[attr-defined]
        ensure_unchanged(request, lambda: hold_allowed_ranges(actor), _answer)
        set_allowed_ranges(actor, **body)
        return self.get(request)


def _answer() -> Response:
    return Response({"ranges": [range_out(r) for r in allowed_ranges()]})


def range_out(allowed: VpcRange) -> dict[str, Any]:
    """Return a range as it could be sent in."""
    return {
        "cidr": str(allowed.cidr),
        "min_prefix": allowed.min_prefix,
        "max_prefix": allowed.max_prefix,
    }
