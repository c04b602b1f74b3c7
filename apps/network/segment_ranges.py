"""Which addresses of an external segment are given out: the ranges that an administrator typed, and what is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from apps.lifecycle.errors import Invalid
from apps.network.segment_plan import Address, Network, unusable

MOST_RANGES = 50


@dataclass(frozen=True, order=True)
class AddressRange:
    """Addresses that are given out, or kept back."""

    first: Any
    last: Any
    reserved: bool = False


def read_ranges(
    ranges: Iterable[Mapping[str, Any]], block: Network, field: str = "ranges"
) -> list[AddressRange]:
    """Return the ranges in order. Raises Invalid at `field` for one that is outside, reversed or overlaps another."""
    found = sorted(_read_range(each, block, field) for each in ranges)
    if len(found) > MOST_RANGES:
        raise Invalid({field: [_("At most %(most)s ranges.") % {"most": MOST_RANGES}]})
    for kept in (False, True):
        same = [each for each in found if each.reserved == kept]
        for before, after in pairwise(same):
            if after.first <= before.last:
                values = {"first": range_text(before), "second": range_text(after)}
                raise Invalid({field: [_("%(first)s and %(second)s overlap.") % values]})
    return found


def range_text(span: AddressRange) -> str:
    """Return a range as people write it."""
    return str(span.first) if span.first == span.last else f"{span.first} – {span.last}"


def spans_of(
    block: Network, taken: Iterable[Address], ranges: Iterable[AddressRange]
) -> list[tuple[Address, Address]]:
    """Return the spans that addresses are given out from: the ranges, or all, less what is kept back or `taken`."""
    given = [(each.first, each.last) for each in ranges if not each.reserved]
    away = [(each.first, each.last) for each in ranges if each.reserved]
    away += [(each, each) for each in (*taken, *unusable(block))]
    spans = sorted(given) or [(block[0], block[-1])]
    for first, last in away:
        spans = [part for span in spans for part in _without(span, first, last)]
    return spans


def size_of(spans: Iterable[tuple[Any, Any]]) -> int:
    """Return how many addresses are in the spans."""
    return sum(int(last) - int(first) + 1 for first, last in spans)


def holds(spans: Iterable[tuple[Any, Any]], address: Address) -> bool:
    """Whether an address is in one of the spans."""
    return any(first <= address <= last for first, last in spans)


def _read_range(given: Mapping[str, Any], block: Network, field: str) -> AddressRange:
    try:
        first = ip_address(str(given["first"]).strip().replace("%", "?"))
        last = ip_address(str(given.get("last") or given["first"]).strip().replace("%", "?"))
    except ValueError:
        values = {"first": given["first"], "last": given.get("last", "")}
        raise Invalid({field: [_("Not a range of two addresses: %(first)s, %(last)s.") % values]}) from None
    if first not in block or last not in block:
        outside = last if first in block else first
        values = {"address": outside, "block": block}
        raise Invalid({field: [_("%(address)s is not inside the CIDR block %(block)s.") % values]})
    if int(first) > int(last):
        values = {"first": first, "last": last}
        raise Invalid(
            {field: [_("%(first)s is higher than %(last)s. Enter the lower address first.") % values]}
        )
    return AddressRange(first, last, bool(given.get("reserved", False)))


def _without(span: tuple[Any, Any], first: Any, last: Any) -> list[tuple[Any, Any]]:
    if last < span[0] or first > span[1]:
        return [span]
    rest = []
    if first > span[0]:
        rest.append((span[0], first - 1))
    if last < span[1]:
        rest.append((last + 1, span[1]))
    return rest
