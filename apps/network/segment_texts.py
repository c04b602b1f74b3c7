"""What pages say of an external segment, and how it is offered in forms."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.network.models import ExternalSegment
from apps.network.services.segment_addresses import free_addresses
from apps.portal.pickers import Pick

#: From so many free addresses on, how many there are does not matter.
MANY = 100_000


def free_text(segment: Any) -> str:
    """Return how many addresses of a segment are free, as people read it."""
    return number_text(free_addresses(segment))


def number_text(number: int) -> str:
    """Return a number of addresses; of very many (IPv6) only that there are."""
    return f"{number:,}" if number < MANY else f"{MANY:,}+"


def routes_text(segment: ExternalSegment) -> str:
    """Return what a segment's addresses lead to, as people read it."""
    words = [_("default route") if route.prefixlen == 0 else str(route) for route in segment.routes]
    return ", ".join(words) or _("none")


def segment_pick(segment: Any) -> Pick:
    """Return a segment as a choice, with what people tell segments apart by."""
    facts = [str(segment.cidr), *([routes_text(segment)] if segment.routes else []), segment.region.label]
    return Pick(segment.name, " · ".join(facts), [free_text(segment)])


def usual_segment(segments: QuerySet[Any]) -> ExternalSegment | None:
    """Return the segment that is chosen at first: one with an IPv4 default route, if there is one."""
    return segments.filter(cidr__family=4, routes__contains=["0.0.0.0/0"]).first() or segments.first()
