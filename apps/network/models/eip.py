"""Elastic IPs: public addresses of a tenant."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _text
from django.utils.translation import gettext_lazy as _
from netfields import InetAddressField

from apps.lifecycle.models import Kind, Resource
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel
from apps.network.models.external import ExternalSegment


class Eip(Kind):
    """An address of an external segment (`segment_address.ip`), bound to one carrier or to none.

    The carrier is a VM now; gateways and load balancers come later (`apps.network.carriers`). Of the addresses that a
    carrier has, the one bound first comes first. `delivery_chosen`: its owner said how it is delivered. `is_egress`:
    its owner picked it as the default egress of its IP version. `leaving`: former carriers (ids) whose network may
    still have it, until an operation has taken it away there. `chosen`: the address that was requested; null: any.
    """

    class Delivery(models.TextChoices):
        """How it reaches a VM: inside the guest, on its external NIC; or translated one-to-one by the VPC's router."""

        GUEST = "guest", _("In the guest")
        TRANSLATED = "translated", _("One-to-one NAT")

    segment = models.ForeignKey(ExternalSegment, models.PROTECT, related_name="segment_eips")
    chosen = InetAddressField(store_prefix_length=False, null=True, blank=True)
    mbit = models.PositiveIntegerField()
    carrier = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="eips")
    bound_at = models.DateTimeField(null=True, blank=True)
    delivery = models.CharField(max_length=10, choices=Delivery, default=Delivery.GUEST)
    delivery_chosen = models.BooleanField(default=False, db_default=False)
    is_egress = models.BooleanField(default=False)
    leaving = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)

    class Meta:
        verbose_name = _("EIP")
        verbose_name_plural = _("EIPs")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "segment"],
                condition=Q(is_egress=True),
                name="one_picked_egress_per_carrier_and_segment",
            ),
            models.CheckConstraint(
                condition=Q(carrier__isnull=False) | Q(is_egress=False), name="egress_only_while_bound"
            ),
        ]
        indexes = [models.Index(fields=["carrier", "bound_at"], name="eip_by_carrier")]

    @property
    def version(self) -> int:
        """4 or 6; its segment must have been fetched."""
        return self.segment.version

    @property
    def address(self) -> str:
        """The address; "" while it has none. `segment_address` must have been fetched."""
        held = getattr(self, "segment_address", None)
        return str(held.ip) if held is not None else ""

    def ready_word(self) -> StateLabel:
        """Return the state to show for an EIP that exists."""
        if self.carrier_id is not None:
            return StateLabel(_text("Bound"), "ok", code=Status.BOUND)
        return StateLabel(_text("Unbound"), "ok", code=Status.UNBOUND)

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        free = models.Q(carrier__isnull=True)
        return [
            ShownState(Status.BOUND, _("Bound"), ~free),
            ShownState(Status.UNBOUND, _("Unbound"), free),
        ]
