"""The EIP that VMs are created with: an existing one, or a new one for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.access import allow, ensure_may, visible
from apps.accounts.models import Project
from apps.compute.eip_carrier import NEEDS_IPV6, suitable_delivery, why_suitable
from apps.compute.models import Image, Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.requests import Allowed
from apps.lifecycle.verbs import Text
from apps.network.bound_eips import bound_eips
from apps.network.delivery_texts import delivery_text
from apps.network.models import Eip, ExternalSegment, Subnet
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
    delivery_chosen: bool = False
    why: Text = ""

    @property
    def version(self) -> int:
        """4 or 6; 0: none was chosen."""
        segment = self.segment or (self.eip and self.eip.segment)
        return segment.version if segment else 0

    @property
    def delivery_label(self) -> str:
        """How it reaches the guest, and why so, in words."""
        return delivery_text(self.delivery, chosen=self.delivery_chosen, why=self.why)

    @property
    def used_segment(self) -> UUID | None:
        """The segment that the VMs get an address of."""
        segment = self.segment or (self.eip and self.eip.segment)
        return segment.pk if segment else None

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
    eip: UUID | None,
    new: Mapping[str, Any] | None,
    count: int,
) -> EipChoice:
    """Return what was chosen. Raises Invalid (fields "eip", "new_eip.segment", "new_eip.mbit") and Forbidden."""
    if eip is not None and new is not None:
        raise Invalid({"eip": [_("Choose an existing EIP or a new one, not both.")]})
    if eip is not None:
        return EipChoice(eip=_existing(actor, project, eip, count))
    if new is None:
        return EipChoice()
    allowed = allow(actor, EIP_CREATE, project=project, tenant_id=project.tenant_id)
    try:
        segment = chosen_segment(actor, project, new["segment"])
        mbit = checked_mbit(new.get("mbit"), segment)
    except Invalid as error:
        raise Invalid({f"new_eip.{name}": texts for name, texts in error.fields.items()}) from None
    return EipChoice(segment=segment, mbit=mbit, allowed=allowed)


def with_delivery(choice: EipChoice, delivery: str, image: Image | None, subnet: Subnet | None) -> EipChoice:
    """Return the choice with how the EIP is delivered: as said, else what suits the image. Raises Invalid."""
    if not choice.version:
        if delivery:
            raise Invalid({"eip_delivery": [_("Choose an EIP as well.")]})
        return choice
    way = delivery or str(suitable_delivery(image))
    if way == Eip.Delivery.TRANSLATED and choice.version == 6 and subnet is not None and not subnet.cidr6:
        raise Invalid({"eip_delivery": [str(NEEDS_IPV6)]})
    return replace(choice, delivery=way, delivery_chosen=bool(delivery), why=why_suitable(image))


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
    how = {"delivery": choice.delivery, "delivery_chosen": choice.delivery_chosen}
    if not rows.update(carrier=vm.pk, bound_at=Now(), **how):
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
