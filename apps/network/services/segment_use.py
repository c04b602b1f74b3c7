"""What stands against a segment, or against a change of it: other networks, and who has its addresses."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Network

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.infrastructure.models import Region
from apps.lifecycle.errors import InUse, Invalid
from apps.lifecycle.in_use import NAMED, ensure_unused
from apps.lifecycle.models import Resource
from apps.network.models import ExternalSegment, SegmentAddress, Subnet, Vpc
from apps.network.segment_plan import Network
from apps.network.segment_ranges import AddressRange, holds, spans_of
from apps.network.selectors import usable_segments


def segment_users(segment: ExternalSegment) -> QuerySet[Resource]:
    """Return the resources that have an address of the segment, or are waiting for one."""
    has = Q(segment_address__segment=segment) | Q(as_eip__segment=segment) | Q(as_eni__segment=segment)
    return Resource.objects.filter(has).distinct()


def ensure_segment_unused(segment: ExternalSegment) -> None:
    """Raise InUse naming who has addresses of the segment. Call under its lock."""
    ensure_unused(segment, segment_users(segment), hint=_("Release these addresses first."))


def ensure_addresses_kept(segment: ExternalSegment, ranges: Sequence[AddressRange]) -> None:
    """Raise InUse naming the addresses in use that would not be given out any more. Call under the segment's lock.

    Conflicts that are not given out any more are forgotten.
    """
    spans = spans_of(segment.cidr, (segment.gateway, segment.router_address), ranges)
    rows = SegmentAddress.objects.filter(segment=segment).select_related("holder").order_by("ip")
    outside = [row for row in rows if not holds(spans, row.ip)]
    users = [row for row in outside if row.holder is not None]
    if users:
        named = ", ".join(f"{row.ip} ({row.holder})" for row in users[:NAMED])
        raise InUse(
            ngettext(
                "%(count)s address in use would be reserved or outside the ranges: %(named)s.",
                "%(count)s addresses in use would be reserved or outside the ranges: %(named)s.",
                len(users),
            )
            % {"count": len(users), "named": named},
            hint=_("Release these addresses first, or keep them in a range."),
            field="ranges",
            details={
                "count": len(users),
                "resources": [
                    {"kind": row.holder.kind, "id": str(row.holder.pk), "name": row.holder.name}
                    for row in users[:NAMED]
                    if row.holder
                ],
            },
        )
    gone = [row.pk for row in outside if row.use == SegmentAddress.Use.CONFLICT]
    SegmentAddress.objects.filter(pk__in=gone).delete()


def ensure_no_overlap(region: Region, block: Network) -> None:
    """Raise Invalid (field "cidr") naming the segment that the block overlaps. VPCs may: see `overlaps.py`."""
    overlapping = overlapping_segment(region, block)
    if overlapping is not None:
        raise overlapping
    if block.version == 6:  # prefixes are plentiful: an overlap is a mistake
        subnet = Subnet.objects.filter(region=region, cidr6__net_overlaps=str(block)).order_by("name").first()
        if subnet is not None:
            values = {"name": subnet.name, "cidr": subnet.cidr6}
            raise Invalid({"cidr": [_("Overlaps subnet %(name)s (%(cidr)s).") % values]})


def overlapping_segment(region: Region, block: Network) -> Invalid | None:
    """Return the refusal of a block that overlaps another segment of the region."""
    rows = ExternalSegment.objects.filter(edge__region=region, cidr__net_overlaps=str(block))
    other = rows.order_by("name").first()
    if other is None:
        return None
    values = {"name": other.name, "cidr": other.cidr}
    return Invalid({"cidr": [_("Overlaps segment %(name)s (%(cidr)s).") % values]})


def ipv6_segments(region_id: int | None) -> list[IPv6Network]:
    """Return the IPv6 blocks of a region's external segments."""
    rows = ExternalSegment.objects.filter(edge__region=region_id, cidr__family=6)
    return list(rows.values_list("cidr", flat=True))


def ensure_clear_of_segments(vpc: Vpc, block: Network, field: str) -> None:
    """Raise Invalid at `field` where a block of a VPC overlaps a segment; named is one that the tenant may use."""
    rows = ExternalSegment.objects.filter(edge__region=vpc.region_id, cidr__net_overlaps=str(block))
    if not rows.exists():
        return
    assert vpc.tenant_id is not None, "every VPC belongs to a tenant"
    named = usable_segments(vpc.tenant_id).filter(pk__in=rows.values("pk")).order_by("name").first()
    if named is None:
        raise Invalid({field: [_("Overlaps a network of the platform. Choose another one.")]})
    values = {"name": named.name, "cidr": named.cidr}
    raise Invalid({field: [_("Overlaps external segment %(name)s (%(cidr)s).") % values]})
