"""Giving out the addresses of an external segment, to EIPs and external NICs.

As for subnets (`addresses.py`): the search walks the index of what is not free from the address given out last, within
the spans that the segment gives out. Whoever allocates holds the segment's row lock; the unique row of an address is
the second line. One that was released is in quarantine (`quarantine.py`), and one that answers on the wire though
nobody has it is a conflict until an administrator frees it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.models import Resource
from apps.network.models import ExternalSegment, SegmentAddress, SegmentRange
from apps.network.segment_plan import Address
from apps.network.segment_ranges import AddressRange, holds, size_of, spans_of
from apps.network.services.quarantine import ensure_few_in_quarantine, give_back, oldest_of_too_many

Span = tuple[Address, Address]
#: More are not counted: an IPv6 segment has more than programs' numbers hold.
MOST_FREE = 1_000_000_000

# Of each span: its first address behind the one given out last, or the first gap behind a taken one.
_TAKE_NEXT = """
WITH spans AS (SELECT * FROM unnest(%(firsts)s::inet[], %(lasts)s::inet[]) AS span(first, last)),
next AS (
    SELECT candidate.ip FROM spans, LATERAL (
        SELECT GREATEST(spans.first, %(behind)s::inet + 1) AS ip
         WHERE GREATEST(spans.first, %(behind)s::inet + 1) <= spans.last AND NOT EXISTS (
               SELECT FROM network_segmentaddress
                WHERE segment_id = %(segment)s AND ip = GREATEST(spans.first, %(behind)s::inet + 1))
        UNION ALL (
        SELECT used.ip + 1 FROM network_segmentaddress used
         WHERE used.segment_id = %(segment)s AND used.ip < spans.last
           AND used.ip >= GREATEST(spans.first, %(behind)s::inet + 1)
           AND NOT EXISTS (SELECT FROM network_segmentaddress WHERE segment_id = %(segment)s AND ip = used.ip + 1)
         ORDER BY used.ip LIMIT 1)
    ) candidate ORDER BY candidate.ip LIMIT 1
)
UPDATE network_externalsegment SET last_given = next.ip FROM next WHERE resource_id = %(segment)s
RETURNING host(next.ip)
"""
_LAST_GIVEN = "SELECT host(last_given) FROM network_externalsegment WHERE resource_id = %s"


def spans_given_out(segment: ExternalSegment) -> list[Span]:
    """Return the spans of addresses that the segment gives out; its ranges should have been fetched."""
    return _spans(segment, segment.ranges.all())


def _spans(segment: ExternalSegment, ranges: Iterable[SegmentRange]) -> list[Span]:
    found = [AddressRange(each.first, each.last, each.reserved) for each in ranges]
    return spans_of(segment.cidr, (segment.gateway, segment.router_address), found)


def free_addresses(segment: Any) -> int:
    """Return how many addresses can be given out, a billion at most; from `selectors.visible_segments`: no query."""
    free: int = size_of(spans_given_out(segment)) - segment.taken_addresses
    return min(max(free, 0), MOST_FREE)


def hold_address(
    segment: ExternalSegment,
    holder: Resource,
    use: SegmentAddress.Use,
    address: Address | str | None = None,
    field: str = "address",
) -> SegmentAddress:
    """Give `holder` an address of the segment: `address`, or the next free one. Call under the segment's row lock.

    A tenant gets back what it released itself: an address that it chooses, and any once too many are in quarantine.
    Raises Invalid at `field` for what is no address of the segment, Refused `address.taken`, also for a
    chosen one while too many are in quarantine, or `segment.full`.
    """
    held = SegmentAddress(segment=segment, holder_id=holder.pk, use=use)
    # Read again: those that the caller has may be from before it got the lock.
    spans = _spans(segment, SegmentRange.objects.filter(segment=segment))
    if address:
        held.ip = _given_out(segment, spans, address, field)
        if (back := give_back(held, holder)) is not None:
            return back
        ensure_few_in_quarantine(segment, holder, field)
        _insert_chosen(held, field)
        return held
    if (own := oldest_of_too_many(segment, holder, spans)) is not None:
        held.ip = own
        if (back := give_back(held, holder)) is not None:
            return back
    held.ip = _take_next(segment, spans)
    held.save(force_insert=True)
    return held


def note_conflict(holder: Resource, mac: str) -> None:
    """Take the address of `holder` away: something else answers at it, from `mac`."""
    rows = SegmentAddress.objects.filter(holder_id=holder.pk)
    rows.update(use=SegmentAddress.Use.CONFLICT, holder=None, until=None, mac=mac)


def _given_out(segment: ExternalSegment, spans: list[Span], address: Address | str, field: str) -> Address:
    try:
        chosen = ip_address(str(address).strip().replace("%", "?"))
    except ValueError:
        raise Invalid({field: [_("Not an IP address.")]}) from None
    if chosen not in segment.cidr:
        values = {"name": segment.name, "cidr": segment.cidr}
        raise Invalid({field: [_("Not an address in segment %(name)s (%(cidr)s).") % values]})
    if not holds(spans, chosen):
        raise Invalid({field: [_("%(address)s is reserved. Choose another one.") % {"address": chosen}]})
    return chosen


def _take_next(segment: ExternalSegment, spans: list[Span]) -> Address:
    values = {
        "segment": segment.pk,
        "firsts": [str(first) for first, _last in spans],
        "lasts": [str(last) for _first, last in spans],
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAST_GIVEN, [segment.pk])
        (last_given,) = cursor.fetchone()
        for behind in (last_given, str(segment.cidr.network_address)):
            cursor.execute(_TAKE_NEXT, {**values, "behind": behind})
            if row := cursor.fetchone():
                return ip_address(row[0])
    raise segment_full(segment)


def segment_full(segment: ExternalSegment, field: str = "segment") -> Refused:
    """Return the refusal for a segment without enough free addresses."""
    return Refused(
        _("Segment %(name)s has no free address.") % {"name": segment.name},
        code="segment.full",
        field=field,
        hint=_("Choose another segment, or release an EIP and wait until its address is free."),
    )


def _insert_chosen(held: SegmentAddress, field: str) -> None:
    try:
        with transaction.atomic():
            held.save(force_insert=True)
    except IntegrityError as error:
        if "one_use_per_segment_address" not in str(error):
            raise
        raise _taken(held, field) from None


def _taken(held: SegmentAddress, field: str) -> Refused:
    other = SegmentAddress.objects.filter(segment=held.segment_id, ip=str(held.ip)).first()
    if other is not None and other.use == SegmentAddress.Use.CONFLICT:
        why = _("Another machine answers at %(address)s.")
        hint = _(
            "Choose another address, or ask an administrator to remove that machine and free the address."
        )
    elif other is not None and other.use == SegmentAddress.Use.QUARANTINE:
        why = _("%(address)s was recently released and is in quarantine.")
        hint = _("Choose another address, or retry later.")
    else:
        why = _("%(address)s is in use.")
        hint = _("Choose another address, or leave the field empty for any.")
    return Refused(why % {"address": held.ip}, code="address.taken", field=field, hint=hint)
