"""Binding EIPs to what carries them, moving and unbinding them.

The row changes when it is requested; `leaving` keeps former carriers until the operation has brought them up to their
rows. So a failed move is finished by binding again, or undone by unbinding.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.access import begin, begin_stale, ensure_may
from apps.infrastructure.regions import ensure_one_region
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable
from apps.network.carriers import Carrier, carrier_of, limit_text
from apps.network.models import Eip
from apps.network.services.carrier_locks import BOUND_EIP, beside
from apps.network.services.overlaps import ensure_apart
from apps.network.verbs.eip import EIP_BIND, EIP_UNBIND


@BOUND_EIP.changes(EIP_BIND)
def bind_eip(change: Change[Eip], *, carrier: UUID | str, delivery: str = "") -> Operation:
    """Bind an EIP, or move it from what it is bound to. To the same carrier again: finish, or change the delivery.

    `delivery` is by default what suits the carrier; "" says so. Raises Invalid (fields "carrier", "delivery"), Refused
    `region.mismatch` and `eip.too_many`, NotNow, Busy.
    """
    eip = change.row
    kind, found = _carrier(change, carrier)
    way = _delivery(kind, found, delivery, eip)
    if eip.carrier_id == found.pk and eip.delivery == way and not (eip.error or eip.leaving):
        raise NotNow(_("The EIP is already bound to %(name)s.") % {"name": found.name})
    if eip.carrier_id != found.pk:
        _ensure_room(kind, found, eip)
        ensure_apart(kind.vpcs(found), [eip.segment_id], "carrier")
        Eip.objects.filter(pk=eip.pk).update(
            carrier=found, bound_at=Now(), is_egress=False, leaving=former_carriers(eip, but=found.pk)
        )
    Eip.objects.filter(pk=eip.pk).update(delivery=way, delivery_chosen=bool(delivery))
    change.bump()
    args = {"carrier": str(found.pk), "delivery": way}
    return change.request(args=args, also=beside(change, found.pk, eip.carrier_id, *eip.leaving))


@serves(EIP_UNBIND)
@transaction.atomic
def unbind_eip(actor: Actor, row: Eip, /, *, carrier: UUID | str | None = None) -> Operation:
    """Unbind an EIP. `carrier`: what it is believed to be bound to; bound elsewhere, the operation changes nothing.

    Raises NotNow when it is not bound and no carrier was named, Busy.
    """
    held = BOUND_EIP.lock_others(actor, row.pk)
    if carrier and (stale := _stale(actor, row, UUID(str(carrier)))) is not None:
        return stale
    change = begin(actor, EIP_UNBIND, Eip(pk=row.pk))
    BOUND_EIP.ensure_held(change.row, held)
    return unbind(change)


def unbind(change: Change[Eip]) -> Operation:
    """Take an EIP from its carrier."""
    eip = change.row
    Eip.objects.filter(pk=eip.pk).update(
        carrier=None, bound_at=None, is_egress=False, leaving=former_carriers(eip)
    )
    change.bump()
    args = {"carrier": str(eip.carrier_id or "")}
    return change.request(args=args, also=beside(change, eip.carrier_id, *eip.leaving))


def _stale(actor: Actor, row: Eip, carrier: UUID) -> Operation | None:
    """Return the operation that changes nothing, of an EIP that is not bound to `carrier` any more."""
    change = begin_stale(
        actor,
        EIP_UNBIND,
        Eip(pk=row.pk),
        lambda eip: eip.state == State.READY and carrier not in {eip.carrier_id, *eip.leaving},
    )
    return change.request(args={"carrier": str(carrier)}) if change is not None else None


def former_carriers(eip: Eip, but: UUID | None = None) -> list[UUID]:
    """Return the carriers that may have an EIP in their network once it is at `but`, or at none."""
    former = dict.fromkeys([*eip.leaving, *([eip.carrier_id] if eip.carrier_id else [])])
    return [pk for pk in former if pk != but]


def _carrier(change: Change[Eip], pk: UUID | str) -> tuple[Carrier, Any]:
    """Return what the EIP is to be bound to, of its tenant and region. Raises Invalid, Forbidden, Refused, NotNow."""
    eip = change.row
    row = Resource.objects.filter(pk=pk, tenant=eip.tenant_id).first()
    kind = carrier_of(row.kind) if row is not None else None
    found = kind.rows(change.actor).filter(pk=pk).first() if kind is not None else None
    if kind is None or found is None:
        raise Invalid({"carrier": [_("Not found, or EIPs cannot be bound to this kind of resource.")]})
    ensure_may(change.actor, change.verb, found.project_id, found.tenant_id, found.pk)
    ensure_one_region(eip, found, field="carrier")
    ensure_usable(found)
    if reason := kind.obstacle(found):
        raise NotNow(str(reason), field="carrier")
    return kind, found


def _ensure_room(kind: Carrier, carrier: Any, eip: Eip) -> None:
    """Raise Refused when a locked carrier has as many EIPs of this IP version as it can."""
    version = eip.version
    most = kind.most[version]
    if Eip.objects.filter(carrier=carrier.pk, segment__cidr__family=version).count() >= most:
        raise Refused(
            _("%(name)s already has %(limit)s. It can have no more.")
            % {"name": carrier.name, "limit": limit_text(version, most)},
            code="eip.too_many",
            field="carrier",
            hint=_("Unbind an EIP from it first, or choose another one."),
        )


def _delivery(kind: Carrier, carrier: Any, delivery: str, eip: Eip) -> str:
    way = delivery or str(kind.delivery(carrier))
    if way not in kind.deliveries:
        possible = ", ".join(str(each.label) for each in kind.deliveries)
        raise Invalid({"delivery": [_("Not available here. Available: %(ways)s.") % {"ways": possible}]})
    if reason := kind.unfit(carrier, eip, way):
        raise Invalid({"delivery": [str(reason)]})
    return way
