"""Guests whose addresses changed while their host did not answer: told once it does."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.compute.models import Vm
from apps.compute.services.repair import resync_vm
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, OperationStatus
from apps.reconciliation.rules import GRACE, at_rest

log = logging.getLogger(__name__)

#: So many at a time; the next come with the next reports.
AT_ONCE = 50


def tell_guests_behind(hosts: Sequence[UUID]) -> None:
    """Request a resync of the VMs on hosts that have just reported, whose guests are to be told of their addresses."""
    lately = Operation.objects.filter(
        target_id=OuterRef("pk"), status=OperationStatus.FAILED, finished_at__gt=timezone.now() - GRACE
    )
    behind = Vm.objects.filter(at_rest(), ~Exists(lately), guest_behind=True, host_id__in=hosts)
    for vm in behind.order_by("pk")[:AT_ONCE]:
        try:
            resync_vm(SYSTEM, vm)
        except Refused as refusal:
            log.info("Guest of VM %s not told of its addresses: %s", vm.pk, refusal.message)
