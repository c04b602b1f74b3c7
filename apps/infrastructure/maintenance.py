"""What maintenance means for a host: it takes no VMs, and once nothing is on it, its silence means nothing."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from apps.infrastructure.models import Host
from apps.lifecycle.models import Operation

#: What a host was before it was drained, in the result of that operation.
BEFORE = "before"


def is_spared() -> Q:
    """Return the condition that a host may be silent: it is in maintenance and no VM is on it, or on its way to it.

    It is rebooted or updated then, so it is neither fenced nor counted among hosts that fail at once. With a VM left
    on it, it is watched like any other.
    """
    return Q(in_maintenance=True, failure="", vms__isnull=True, arriving_vms__isnull=True)


def state_before(host: Host) -> dict[str, bool]:
    """Return what `open_as_before` restores."""
    return {"accepts_vms": host.accepts_vms, "in_maintenance": host.in_maintenance}


def open_as_before(host_id: UUID) -> None:
    """Leave a host as it was before a drain that was cancelled; VMs that have left it stay where they are."""
    drains = Operation.objects.filter(target_id=host_id, verb="host.drain")
    newest = drains.order_by("-sequence").first()
    if newest is not None and BEFORE in newest.result:
        Host.objects.filter(pk=host_id).update(**newest.result[BEFORE])
