"""Migrations that ended while nobody could say where their VM is: settled by a resync, once hosts answer again."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from apps.compute.models import Vm
from apps.compute.services.repair import resync_vm
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation

log = logging.getLogger(__name__)

#: So many at a time, and one that failed is tried again after this.
AT_ONCE, AGAIN = 50, timedelta(minutes=1)


def settle_migrations() -> None:
    """Request a resync of VMs that may be on either of two hosts, and that nothing works on."""
    own = Operation.objects.filter(resource=OuterRef("pk"), exclusive=True)
    lately = own.filter(finished_at__gt=Now() - AGAIN, verb="vm.resync")
    left = Vm.objects.filter(~Exists(own.open()), ~Exists(lately), next_host__isnull=False)
    for vm in left.order_by("pk")[:AT_ONCE]:
        try:
            resync_vm(SYSTEM, vm, definition=False)
        except Refused as refusal:
            log.info("VM %s: not settled where it is: %s", vm.pk, refusal.message)
