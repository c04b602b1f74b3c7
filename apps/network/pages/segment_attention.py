"""External segments that an administrator should look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils.translation import ngettext

from apps.infrastructure.models import Region
from apps.infrastructure.pages.attention import FULL, NAMED, NEARLY_FULL, AttentionItem
from apps.lifecycle.actor import SYSTEM
from apps.network.models import SegmentAddress
from apps.network.segment_ranges import size_of
from apps.network.selectors import visible_segments
from apps.network.services.segment_addresses import free_addresses, spans_given_out


def segment_items(region: Region | None) -> Iterator[AttentionItem]:
    """Yield segments with addresses in conflict, and those that are nearly used up; two queries."""
    conflict = Count("addresses", filter=Q(addresses__use=SegmentAddress.Use.CONFLICT))
    rows: Any = visible_segments(SYSTEM).annotate(conflicts=conflict).order_by("name")
    found = [item for row in (rows.filter(region=region) if region else rows) for item in _items(row)]
    yield from found[:NAMED]
    if len(found) > NAMED:
        left = len(found) - NAMED
        text = ngettext("%(n)s more external segment", "%(n)s more external segments", left) % {"n": left}
        yield AttentionItem("warn", text, reverse("admin:external_segment.list"))


def _items(row: Any) -> Iterator[AttentionItem]:
    url = reverse("admin:external_segment.tab.addresses", args=[row.pk])
    if row.conflicts:
        text = ngettext(
            "%(name)s: another machine answers at %(n)s address",
            "%(name)s: other machines answer at %(n)s addresses",
            row.conflicts,
        )
        yield AttentionItem("warn", text % {"name": row.name, "n": row.conflicts}, f"{url}?use=conflict")
    total, free = size_of(spans_given_out(row)), free_addresses(row)
    share = (
        100 * row.taken_addresses / total if total else 100
    )  # not by `free`, which is counted up to a billion
    if share >= NEARLY_FULL and free < total:
        text = ngettext(
            "%(name)s has %(n)s free address left", "%(name)s has %(n)s free addresses left", free
        )
        tone = "error" if share >= FULL else "warn"
        yield AttentionItem(tone, text % {"name": row.name, "n": f"{free:,}"}, url)
