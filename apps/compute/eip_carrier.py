"""VMs as what carries EIPs."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.access import visible
from apps.compute.models import Image, Vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.verbs import Text
from apps.network.carriers import Carrier
from apps.network.models import Eip, Nic, NicRole
from apps.network.services.overlaps import vpcs_at

Delivery = Eip.Delivery
NEEDS_IPV6 = gettext_lazy(
    "One-to-one NAT needs an IPv6 address in the VM’s subnet. Choose the delivery “In the guest”."
)


def suitable_delivery(image: Image | None) -> Delivery:
    """Return how an EIP reaches the guest of an image: inside it, if an agent there can configure it."""
    if image is not None and image.guest_agent and image.os_family == Image.Family.LINUX:
        return Delivery.GUEST
    return Delivery.TRANSLATED


def why_suitable(image: Image | None) -> Text:
    """Return what of an image makes `suitable_delivery` choose as it does."""
    if suitable_delivery(image) == Delivery.GUEST:
        return _("the image has a guest agent")
    if image is not None and image.guest_agent:
        return _("the platform sets addresses in Linux guests only")
    return _("the image has no guest agent")


def why_delivered(vm: UUID) -> Text:
    """Return what of its image makes the platform choose how EIPs reach a VM; "" when the image is gone."""
    found = Vm.objects.select_related("image").filter(pk=vm).first()
    return why_suitable(found.image) if found is not None and found.image is not None else ""


def _rows(actor: Actor) -> QuerySet[Vm]:
    return visible(actor, Vm.objects.filter(kind="vm")).select_related("image", "region", "cluster")


def _unfit(vm: Vm, eip: Eip, delivery: str) -> Text | None:
    if delivery != Delivery.TRANSLATED:
        return None
    version = eip.version
    if (
        version == 6
        and not Nic.objects.filter(owner=vm.pk, role=NicRole.INTERNAL, ip6__isnull=False).exists()
    ):
        return NEEDS_IPV6
    others = Eip.objects.filter(carrier=vm.pk, delivery=Delivery.TRANSLATED, segment__cidr__family=version)
    if others.exclude(pk=eip.pk).exists():
        # Both would stand for the same address of the guest: by which its packets leave would be chance.
        return _(
            "The VM already has an IPv%(version)s EIP by one-to-one NAT. Choose the delivery “In the guest”."
        ) % {"version": version}
    return None


VM_CARRIER = Carrier(
    "vm",
    rows=_rows,
    delivery=lambda vm: suitable_delivery(vm.image),
    deliveries=(Delivery.GUEST, Delivery.TRANSLATED),
    unfit=_unfit,
    why=why_delivered,
    vpcs=lambda vm: vpcs_at(vm.pk),
    egress=True,
)
