"""The address map of a segment: what each address of a stretch is used for, and how many there are of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from django.db.models import Count, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.network.models import ExternalSegment, SegmentAddress
from apps.network.segment_plan import Address
from apps.network.segment_ranges import holds
from apps.network.services.segment_addresses import free_addresses, spans_given_out

#: Addresses of a map: what a /24 has.
CELLS = 256
FREE, USED, QUARANTINED, CONFLICT, RESERVED = "free", "used", "quarantine", "conflict", "reserved"
WORDS: Mapping[str, Any] = {
    FREE: gettext_lazy("Free"),
    USED: gettext_lazy("In use"),
    QUARANTINED: gettext_lazy("Quarantine"),
    CONFLICT: gettext_lazy("Conflict"),
    RESERVED: gettext_lazy("Reserved"),
}
_OF_USE = {
    SegmentAddress.Use.EIP: USED,
    SegmentAddress.Use.ENI: USED,
    SegmentAddress.Use.QUARANTINE: QUARANTINED,
    SegmentAddress.Use.CONFLICT: CONFLICT,
}


@dataclass(frozen=True)
class Cell:
    """An address as drawn: the end of it, its state, and what is said of it."""

    ip: str
    short: str
    state: str
    says: str
    held: SegmentAddress | None = None


@dataclass(frozen=True)
class AddressMap:
    """A stretch of addresses; `before` and `after` are where the neighbouring ones start ("": none)."""

    cells: list[Cell]
    first: str
    last: str
    before: str
    after: str


def address_map(segment: ExternalSegment, rows: QuerySet[SegmentAddress], start: str = "") -> AddressMap:
    """Return the stretch of the segment that `start` is in, by default the first."""
    block = segment.cidr
    low, high = int(block.network_address), int(block.broadcast_address)
    first = max(low, _number(start, low, high) // CELLS * CELLS)
    last = min(high, first // CELLS * CELLS + CELLS - 1)
    held = {
        int(row.ip): row
        for row in rows.filter(ip__gte=str(_address(segment, first)), ip__lte=str(_address(segment, last)))
    }
    spans = spans_given_out(segment)
    named = {
        int(segment.gateway): _("Gateway"),
        int(segment.router_address): _("Platform router"),
    }
    return AddressMap(
        [
            _cell(_address(segment, number), held.get(number), spans, named)
            for number in range(first, last + 1)
        ],
        str(_address(segment, first)),
        str(_address(segment, last)),
        str(_address(segment, max(low, first - CELLS))) if first > low else "",
        str(_address(segment, last + 1)) if last < high else "",
    )


def counts_of(segment: Any) -> dict[str, int]:
    """Return how many addresses of a segment there are in each state, but for the reserved ones."""
    uses = (
        SegmentAddress.objects.filter(segment=segment).order_by().values_list("use").annotate(n=Count("pk"))
    )
    found = {FREE: free_addresses(segment), USED: 0, QUARANTINED: 0, CONFLICT: 0}
    for use, number in uses:
        found[_OF_USE[SegmentAddress.Use(use)]] += number
    return found


def state_of(row: SegmentAddress) -> str:
    """Return the state of an address that is not free."""
    return _OF_USE[SegmentAddress.Use(row.use)]


def _cell(
    address: Address,
    held: SegmentAddress | None,
    spans: list[tuple[Address, Address]],
    named: Mapping[int, str],
) -> Cell:
    if held is not None:
        state, about = state_of(held), held.holder.name if held.holder else held.mac
    else:
        state = FREE if holds(spans, address) else RESERVED
        about = named.get(int(address), "")
    says = f"{address}: {WORDS[state]}" + (f", {about}" if about else "")
    text = str(address)
    short = text.rpartition(":" if address.version == 6 else ".")[2] or "0"  # of "2001:db8::"
    return Cell(text, short, state, says, held)


def _address(segment: ExternalSegment, number: int) -> Address:
    address: Address = type(segment.cidr.network_address)(number)
    return address


def _number(start: str, low: int, high: int) -> int:
    try:
        number = int(ip_address(start))
    except ValueError:
        return low
    return min(max(number, low), high)
