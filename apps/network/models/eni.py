"""Elastic NICs: NICs that live on their own and move between VMs."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import Kind, Resource
from apps.network.models.external import ExternalSegment


class Eni(Kind):
    """An elastic NIC. It owns one row of `Nic` (MAC, address, group, limits), which moves with it.

    Internal: its NIC is in a subnet. External: its NIC is on the edge, and `segment_address` is its one address. `slot`
    gives it its place in the VM's hardware while it is bound.
    """

    segment = models.ForeignKey(
        ExternalSegment, models.PROTECT, null=True, blank=True, related_name="segment_elastic_nics"
    )
    vm = models.ForeignKey(Resource, models.PROTECT, null=True, blank=True, related_name="elastic_nics")
    slot = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = _("elastic NIC")
        verbose_name_plural = _("elastic NICs")
        constraints = [
            models.UniqueConstraint(fields=["vm", "slot"], name="one_elastic_nic_per_slot"),
            models.CheckConstraint(
                condition=Q(vm__isnull=True, slot__isnull=True) | Q(vm__isnull=False, slot__isnull=False),
                name="slot_while_bound",
            ),
        ]
