"""Elastic NICs: NICs that live on their own and move between VMs."""

from __future__ import annotations

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
from apps.network.models.nic import Nic


class Eni(Kind):
    """An elastic NIC. It owns one row of `Nic` (MAC, address, group, limits), which moves with it.

    Internal: its NIC is in a subnet. External: its NIC is on the edge, and `segment_address` is its one address;
    `chosen`: the one that was requested, null: any. `slot` gives it its place in the VM's hardware while it is bound;
    `next_vm` and `next_slot` are reserved by an operation that binds it, until it has left the VM that it is bound to.
    """

    segment = models.ForeignKey(
        ExternalSegment, models.PROTECT, null=True, blank=True, related_name="segment_elastic_nics"
    )
    chosen = InetAddressField(store_prefix_length=False, null=True, blank=True)
    vm = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="elastic_nics")
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    next_vm = models.ForeignKey(
        Resource, models.PROTECT, null=True, blank=True, related_name="arriving_nics", editable=False
    )
    next_slot = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("elastic NIC")
        verbose_name_plural = _("elastic NICs")
        constraints = [
            models.UniqueConstraint(fields=["vm", "slot"], name="one_elastic_nic_per_slot"),
            models.UniqueConstraint(fields=["next_vm", "next_slot"], name="one_elastic_nic_per_next_slot"),
            models.CheckConstraint(
                condition=Q(vm__isnull=True, slot__isnull=True) | Q(vm__isnull=False, slot__isnull=False),
                name="slot_while_bound",
            ),
            models.CheckConstraint(
                condition=Q(next_vm__isnull=True, next_slot__isnull=True)
                | Q(next_vm__isnull=False, next_slot__isnull=False),
                name="next_slot_while_binding",
            ),
        ]

    @property
    def nic(self) -> Nic:
        """Its NIC; no query where its NICs were fetched."""
        return next(iter(self.nics.all()))

    @property
    def is_external(self) -> bool:
        """Whether it is on the edge rather than in a subnet."""
        return self.segment_id is not None

    @property
    def address(self) -> str:
        """The address; "" while it has none. NICs and `segment_address` should have been fetched."""
        if not self.is_external:
            return str(self.nic.ip)
        held = getattr(self, "segment_address", None)
        return str(held.ip) if held is not None else ""

    @property
    def addresses(self) -> list[str]:
        """All its addresses: an internal one may have an IPv6 address beside."""
        return [self.address] if self.is_external and self.address else self.nic.ips

    @property
    def shown_vm(self) -> Resource | None:
        """The VM that it is bound to, or is being bound to."""
        return self.vm or self.next_vm

    def ready_word(self) -> StateLabel:
        """Return the state to show for an elastic NIC that exists."""
        if self.vm_id is not None:
            return StateLabel(_text("Bound"), "ok", code=Status.BOUND)
        return StateLabel(_text("Unbound"), "ok", code=Status.UNBOUND)

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        free = models.Q(vm__isnull=True)
        return [
            ShownState(Status.BOUND, _("Bound"), ~free),
            ShownState(Status.UNBOUND, _("Unbound"), free),
        ]
