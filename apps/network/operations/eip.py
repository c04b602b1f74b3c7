"""Handlers of EIPs. Each is safe to run again from its top: carriers are brought up to the rows, former ones first."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
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
    touched = _apply(run, eip.leaving, eip.carrier_id)
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
        keep_remaining(run, partial(_take_from, run, carrier))
    return lambda: release_all([eip])


handles(EIP_RESYNC)(repairing(apply_eip))
handles(EIP_FORCE_CLEAN)(repairing(_force_clean))


def _apply(run: OperationContext, former: list[UUID], now: UUID | None = None) -> list[Resource]:
    """Bring carriers up to their rows; an address is taken away in the network before it is given.

    The guest that it moves to has it before: what it is silent for is what the network takes.
    """
    rows = {each.pk: each for each in Resource.objects.filter(pk__in=[*former, *([now] if now else [])])}
    left = [rows[pk] for pk in former if pk in rows]
    new = rows.get(now) if now is not None else None
    ready = new is not None and bool(left) and _prepare(run, new)
    for carrier in [*left, *([new] if new is not None else [])]:
        run.step(_("Applying to %(name)s"), 50, name=carrier.name)
        applier_of(carrier.kind).network(run, carrier.pk)
    if new is not None and not ready:
        applier_of(new.kind).guest(run, new.pk)
    for carrier in left:
        applier_of(carrier.kind).guest(run, carrier.pk)
    return [*left, *([new] if new is not None else [])]


def _take_from(run: OperationContext, carrier: UUID) -> None:
    _apply(run, [carrier])


def _prepare(run: OperationContext, carrier: Resource) -> bool:
    """Give the guest an address that its network does not have yet; return whether that worked."""
    run.step(_("Preparing %(name)s"), 30, name=carrier.name)
    try:
        applier_of(carrier.kind).guest(run, carrier.pk)
    except DriverError as error:
        if error.permanent:
            raise
        return False  # tried again behind the network, where it counts
    return True


def _settle(eip: Eip, touched: list[Resource]) -> None:
    Eip.objects.filter(pk=eip.pk).update(leaving=[])
    for carrier in touched:
        push.resource_changed(carrier)
