"""Handlers of EIPs. Each is safe to run again from its top: carriers are brought up to the rows, former ones first."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext_noop as _

from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource
from apps.lifecycle.operation_context import OperationContext
from apps.network.carriers import applier_of
from apps.network.models import Eip, SegmentAddress
from apps.network.operations.probing import ensure_free_address
from apps.network.services.carried import release_all
from apps.network.verbs.eip import (
    EIP_BIND,
    EIP_CREATE,
    EIP_DELETE,
    EIP_FORCE_CLEAN,
    EIP_PICK_EGRESS,
    EIP_RESYNC,
    EIP_RETRY,
    EIP_SET_BANDWIDTH,
    EIP_UNBIND,
)
from apps.reconciliation.operations.common import keep_remaining, repairing


@handles(EIP_CREATE)
@handles(EIP_RETRY)
def create_eip(run: OperationContext) -> None:
    """Make sure that nothing answers at the address; take another one if something does."""
    eip = Eip.objects.select_related("segment__provider_network__edge__region").get(pk=run.target_id)
    ensure_free_address(run, eip, eip.segment, SegmentAddress.Use.EIP, str(eip.chosen or ""))


@handles(EIP_BIND)
@handles(EIP_SET_BANDWIDTH)
@handles(EIP_PICK_EGRESS)
def apply_eip(run: OperationContext) -> Settle | None:
    """Bring what the EIP was bound to and what it is bound to up to the rows."""
    eip = Eip.objects.filter(pk=run.target_id).first()
    if eip is None:
        return None
    touched = _apply(run, [*eip.leaving, *([eip.carrier_id] if eip.carrier_id else [])])
    return lambda: _settle(eip, touched)


@handles(EIP_UNBIND)
def unbind_eip(run: OperationContext) -> Settle | None:
    """Take the EIP from what it was bound to; from nothing, if it is not bound to what was meant any more."""
    eip = Eip.objects.filter(pk=run.target_id).first()
    if eip is None:
        return None
    named = run.operation.args["carrier"]
    if named and named not in map(str, eip.leaving):
        run.step(_("The EIP is not bound there any more. Nothing was changed."))
        return None
    touched = _apply(run, eip.leaving)
    return lambda: _settle(eip, touched)


@handles(EIP_DELETE)
def release_eip(run: OperationContext) -> Settle | None:
    """Release the EIP once no carrier has it in its network any more."""
    eip = Eip.objects.filter(pk=run.target_id).first()
    if eip is None:
        return None
    _apply(run, eip.leaving)
    return lambda: release_all([eip])


def _force_clean(run: OperationContext) -> Settle | None:
    eip = Eip.objects.filter(pk=run.target_id).first()
    if eip is None:
        return None
    for carrier in eip.leaving:
        keep_remaining(run, lambda carrier=carrier: _apply(run, [carrier]) and None)  # type: ignore[misc]
    return lambda: release_all([eip])


handles(EIP_RESYNC)(repairing(apply_eip))
handles(EIP_FORCE_CLEAN)(repairing(_force_clean))


def _apply(run: OperationContext, carriers: list[UUID]) -> list[Resource]:
    """Bring carriers up to their rows, in this order: an address is taken away before it is given."""
    kept = {each.pk: each for each in Resource.objects.filter(pk__in=carriers)}
    for pk in carriers:
        if (carrier := kept.get(pk)) is not None:
            run.step(_("Applying to %(name)s"), 50, name=carrier.name)
            applier_of(carrier.kind)(run, pk)
    return list(kept.values())


def _settle(eip: Eip, touched: list[Resource]) -> None:
    Eip.objects.filter(pk=eip.pk).update(leaving=[])
    for carrier in touched:
        push.resource_changed(carrier)
