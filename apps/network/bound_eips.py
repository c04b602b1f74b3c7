"""The EIPs of a carrier, in their order."""

from __future__ import annotations

from uuid import UUID

from apps.network.models import Eip


def bound_eips(carrier: UUID) -> list[Eip]:
    """Return the EIPs bound to a carrier, the one bound first first, with what specs read of them."""
    eips = Eip.objects.filter(carrier=carrier).select_related("segment", "segment_address")
    return list(eips.order_by("bound_at", "pk"))
