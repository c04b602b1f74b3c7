"""EIPs that are created with a VM: each by an operation of its own, which finds out whether its address is free."""

from __future__ import annotations

import time

from django.db import transaction
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.lifecycle import push
from apps.lifecycle.models import State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Eip

#: An address is probed for about so long; longer waits are another attempt's.
PATIENCE_SECONDS = 3.0


def wait_for_eips(run: OperationContext) -> None:
    """Wait until the new EIPs of the VM are there. One that failed is unbound: the VM is created without it."""
    pending = Eip.objects.filter(carrier=run.target_id, state=State.PENDING).order_by("name")
    end = time.monotonic() + PATIENCE_SECONDS
    while (eip := pending.first()) is not None:
        if time.monotonic() >= end:
            raise DriverError(
                _("Waiting for EIP %(name)s."),
                values={"name": eip.name},
                code="eip.pending",
                hint=_("The VM is created as soon as the EIP is available."),
            )
        run.step(_("Waiting for EIP %(name)s"), name=eip.name)
        run.lost.wait(0.05)
        run.check()
    failed = list(Eip.objects.filter(carrier=run.target_id, state=State.ERROR))
    if not failed:
        return
    run.guard()
    with transaction.atomic():
        rows = Eip.objects.filter(pk__in=[eip.pk for eip in failed])
        rows.update(carrier=None, bound_at=None, is_egress=False)
        for eip in failed:
            push.resource_changed(eip)
    for eip in failed:
        run.step(_("EIP %(name)s could not be created. The VM is created without it."), name=eip.name)
