"""Moving a VM from a host that is certainly off, and what decides its turn."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.acts import changes
from apps.compute.models import HaPriority, Power, Vm
from apps.compute.services.migration import ensure_settled
from apps.compute.verbs import VM_RECOVER, VM_SET_HA_PRIORITY
from apps.infrastructure import placement
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle import push
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Change


@changes(VM_RECOVER)
def recover_vm(change: Change[Vm]) -> Operation:
    """Give a VM another host and have it started there. Raises NoCapacity, or NotNow when its host returns.

    From here on the row names the new host: that the VM does not run on the old one was certain before.
    """
    ensure_settled(change.row)
    change.bump()
    old = leave_dead_host(change.row)
    if old is None:
        raise NotNow(_("The VM’s host is not known to be off."))
    return change.request(args={"from": str(old)})


def leave_dead_host(vm: Vm) -> UUID | None:
    """Give a VM another host if its own is certainly off, and return that; else None. Raises NoCapacity.

    Call it with the VM's resource locked. Its operation's args must name the host left: `moved_from` asks for them.
    """
    old: UUID | None = vm.host_id
    # Two hosts' rows are changed below: whoever does that takes its turn at the cluster's.
    ComputeCluster.objects.select_for_update(no_key=True).get(pk=vm.cluster_id)
    if old is None or not placement.leave_failed(old, vm.need):
        return None
    (elsewhere,) = placement.place(vm.cluster, vm.need, reserved=False)
    Vm.objects.filter(pk=vm.pk).update(
        host=elsewhere, power_seen=Power.OFF, pause_reason="", power_seen_at=Now(), boot=F("boot") + 1
    )
    return old


@changes(VM_SET_HA_PRIORITY)
def set_ha_priority(change: Change[Vm], *, priority: str) -> Vm:
    """Set in which order the VM is started elsewhere when its host dies ("none": not at all). Raises Invalid."""
    found = next((each for each in HaPriority if each.word == priority), None)
    if found is None:
        raise Invalid({"priority": [_("Choose one of the priorities.")]})
    Vm.objects.filter(pk=change.row.pk).update(ha_priority=found)
    change.row.ha_priority = found
    change.record(args={"priority": priority})
    push.resource_changed(change.row)
    return change.row
