"""Addresses of external segments that are not free: rows to be read, by administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.network.models import SegmentAddress
from tests.kinds.case import KindCase
from tests.kinds.external_segment import own_segment
from tests.security.words import A_ADMIN_SEES, api

if TYPE_CHECKING:
    from tests.security.world import World


def _key(world: World) -> object:
    # What the request to free an address names.
    segment = own_segment(world)
    made, _new = SegmentAddress.objects.get_or_create(
        segment=segment, ip="203.0.113.99", defaults={"use": "conflict", "mac": "52:54:00:00:00:99"}
    )
    return made.pk


CASE = KindCase(
    "segment_address",
    "segment-addresses",
    SegmentAddress,
    api=api("segment-addresses", see=A_ADMIN_SEES),
    pages={},
    key=_key,
)
