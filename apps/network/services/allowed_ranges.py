"""The blocks VPCs may be cut from, as the admin sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from apps.accounts.access import allow, ensure_may
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.network.models import AllowedRange
from apps.network.ranges import VpcRange, range_of
from apps.network.verbs import NETWORK_SET_RANGES


@serves(NETWORK_SET_RANGES)
@transaction.atomic
def set_allowed_ranges(actor: Actor, *, ranges: Sequence[Mapping[str, Any]]) -> None:
    """Replace the list (keys cidr, min_prefix, max_prefix); an empty one means the defaults. VPCs that exist stay.

    Raises Forbidden, and Invalid at fields like "ranges.0.cidr".
    """
    allowed = allow(actor, NETWORK_SET_RANGES, project=None, tenant_id=None)
    checked = _checked(ranges)
    _lock()
    AllowedRange.objects.all().delete()
    AllowedRange.objects.bulk_create(
        AllowedRange(cidr=r.cidr, min_prefix=r.min_prefix, max_prefix=r.max_prefix) for r in checked
    )
    allowed.record(args={"ranges": [str(r) for r in checked]})


def hold_allowed_ranges(actor: Actor) -> None:
    """Lock the list against other changes until the transaction ends. Raises Forbidden."""
    ensure_may(actor, NETWORK_SET_RANGES, None, None)
    _lock()


def _lock() -> None:
    """One change at a time: two that replace the list would both insert the same."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE network_allowedrange IN SHARE ROW EXCLUSIVE MODE")


def _checked(ranges: Sequence[Mapping[str, Any]]) -> list[VpcRange]:
    found: dict[Any, VpcRange] = {}
    errors: dict[str, list[str]] = {}
    for row, entry in enumerate(ranges):
        try:
            one = range_of(entry["cidr"], entry["min_prefix"], entry["max_prefix"], f"ranges.{row}.cidr")
        except Invalid as error:
            errors |= error.fields
        else:
            found[one.cidr] = one
    if errors:
        raise Invalid(errors)
    return sorted(found.values())
