"""The EIP that VMs are created with: an existing one, or a new one for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.access import allow, ensure_may, visible
from apps.accounts.models import Project
from apps.compute.eip_carrier import suitable_delivery
from apps.compute.models import Image, Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.requests import Allowed
from apps.network.bound_eips import bound_eips
from apps.network.models import Eip, ExternalSegment
from apps.network.services.eip import add_eip, checked_mbit, chosen_segment
from apps.network.verbs.eip import EIP_BIND, EIP_CREATE

if TYPE_CHECKING:
    from apps.compute.services.create_plan import Plan

#: What its name leaves of a VM's for the "-eip" behind it.
ROOM = 59


@dataclass(frozen=True)
class EipChoice:
    """The EIP of new VMs. eip: an existing one; segment: where each gets a new one; neither: none."""

    eip: Eip | None = None
    segment: ExternalSegment | None = None
    mbit: int = 0
    allowed: Allowed | None = None
    delivery: str = Eip.Delivery.GUEST

    @property
    def delivery_label(self) -> str:
        """How it reaches the guest, in words."""
        return str(Eip.Delivery(self.delivery).label)

    @property
    def used_segment(self) -> UUID | None:
        """The segment that the VMs get an address of."""
        return self.eip.segment_id if self.eip is not None else self.segment and self.segment.pk

    @property
    def field(self) -> str:
        """Where a refusal of the segment is reported."""
        return "eip" if self.eip is not None else "new_eip.segment"

    def amounts(self, count: int) -> dict[str, int]:
        """Return metric → units of `count` VMs."""
        return {"eip": count} if self.segment is not None else {}


def eip_choice(
    actor: Actor,
    project: Project,
    image: Image | None,
    eip: UUID | None,
    new: Mapping[str, Any] | None,
    count: int,
) -> EipChoice:
    """Return what was chosen. Raises Invalid (fields "eip", "new_eip.segment", "new_eip.mbit") and Forbidden."""
    delivery = str(suitable_delivery(image))
    if eip is not None and new is not None:
        raise Invalid({"eip": [_("Choose an existing EIP or a new one, not both.")]})
    if eip is not None:
        return EipChoice(eip=_existing(actor, project, eip, count), delivery=delivery)
    if new is None:
        return EipChoice()
    allowed = allow(actor, EIP_CREATE, project=project, tenant_id=project.tenant_id)
    try:
        segment = chosen_segment(actor, project, new["segment"])
        mbit = checked_mbit(new.get("mbit"), segment)
    except Invalid as error:
        raise Invalid({f"new_eip.{name}": texts for name, texts in error.fields.items()}) from None
    return EipChoice(segment=segment, mbit=mbit, allowed=allowed, delivery=delivery)


def bind_new_eips(plan: Plan, vm: Vm) -> list[Eip]:
    """Bind what was chosen to a new VM; return its EIPs. What they are of is locked by the caller. Raises NotNow."""
    choice = plan.eips
    if choice.eip is not None:
        rows = Eip.objects.filter(pk=choice.eip.pk, carrier=None, leaving=[])
    elif choice.segment is not None and choice.allowed is not None:
        name = f"{vm.name[:ROOM]}-eip"
        operation = add_eip(choice.allowed, plan.project, choice.segment, name, choice.mbit)
        rows = Eip.objects.filter(pk=operation.target_id)
    else:
        return []
    if not rows.update(carrier=vm.pk, bound_at=Now(), delivery=choice.delivery):
        raise NotNow(_("The EIP is in use."), field="eip", hint=_("Choose another EIP."))
    return bound_eips(vm.pk)


def _existing(actor: Actor, project: Project, pk: UUID, count: int) -> Eip:
    rows = visible(actor, Eip.objects.select_related("region", "segment", "segment_address"))
    found = rows.filter(pk=pk, tenant_id=project.tenant_id).first()
    if found is None:
        raise Invalid({"eip": [_("EIP not found.")]})
    ensure_may(actor, EIP_BIND, found.project_id, found.tenant_id, found.pk)
    if found.carrier_id is not None:
        raise Invalid({"eip": [_("The EIP is already bound. Unbind it first, or choose another one.")]})
    if count != 1:
        raise Invalid({"eip": [_("Only one VM can be created with an existing EIP.")]})
    return found
