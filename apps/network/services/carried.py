"""The EIPs of a carrier that is deleted: what its own service and operation do with them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import F, Func, UUIDField, Value

from apps.lifecycle import push
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.models import Resource
from apps.network.models import Eip
from apps.network.services.quarantine import quarantine_address
from apps.quotas.services import release_quota


def hold_eips(carrier: UUID) -> list[Eip]:
    """Lock the EIPs of a carrier that is locked already, until the transaction ends; give them as `also`."""
    ids = Eip.objects.filter(carrier=carrier).order_by("pk").values_list("pk", flat=True)
    list(
        Resource.objects.filter(pk__in=list(ids))
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk")
    )
    return list(Eip.objects.filter(carrier=carrier).select_related("segment").order_by("pk"))


def leaving_eips(carrier: UUID) -> list[Eip]:
    """Return the EIPs that are bound elsewhere or to nothing, but that the network of the carrier may still have.

    The operation of each holds the carrier: whoever deletes that pushes it aside, so what it has not taken away goes
    with the carrier.
    """
    return list(Eip.objects.filter(leaving__contains=[carrier]).order_by("pk"))


def unbind_all(carrier: UUID) -> None:
    """Unbind the EIPs of a carrier that is gone from the network. Call in its operation's settle."""
    eips = list(Eip.objects.filter(carrier=carrier))
    Eip.objects.filter(carrier=carrier).update(carrier=None, bound_at=None, is_egress=False)
    without = Func(F("leaving"), Value(carrier, UUIDField()), function="array_remove")
    Eip.objects.filter(leaving__contains=[carrier]).update(leaving=without)
    for eip in eips:
        eip.carrier_id = None
        push.resource_changed(eip)


def release_all(eips: Sequence[Eip]) -> None:
    """Release EIPs that the network has lost, into quarantine. Call in the settle of an operation on them."""
    rows = list(Eip.objects.filter(pk__in=[eip.pk for eip in eips]).order_by("pk"))
    for eip in rows:
        quarantine_address(eip)
    remove(rows)
    for eip in rows:
        push.resource_changed(eip, "deleted")
        if eip.tenant_id is not None:
            release_quota(eip.tenant_id, {"eip": 1})
