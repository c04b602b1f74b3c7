"""Giving a VM the size that was prepared for it."""

from __future__ import annotations

from django.db import transaction

from apps.compute.given_up import clear_resize
from apps.compute.models import Vm
from apps.compute.quota import size_amounts
from apps.infrastructure import placement
from apps.infrastructure.models import Host
from apps.lifecycle import push
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.requests import hold_target
from apps.quotas.services import release_quota


def apply_resize(run: OperationContext, vm: Vm) -> None:
    """Write that a VM from `load_vm`, which is off, has the size that was prepared, and is on the host chosen for it.

    From here on its definition follows, whatever becomes of the operation. Raises LeaseLost, CancelRequested.
    """
    run.check()
    run.guard()
    with transaction.atomic():
        hold_target(run.operation)
        run.write(progress=run.progress)  # nobody has taken the operation away
        take_resize(vm)


def take_resize(vm: Vm) -> None:
    """Make the prepared size the VM's own and give back what it needs no longer. Locks quota, then hosts.

    Call in a transaction that has locked the VM, which is read again.
    """
    now = Vm.objects.get(pk=vm.pk)
    new = now.resize
    if new is None:
        return
    host_id = now.resize_host_id or now.host_id
    size = {"vcpu": new.vcpu, "memory_mib": new.memory_mib}
    clear_resize(now, **size, host_id=host_id, instance_type_id=now.resize_type_id)
    less = now.need.beyond(new)
    if now.tenant_id is not None:
        release_quota(now.tenant_id, size_amounts(less))
    placement.release(now.host_id, now.size if now.resize_host_id else less)
    vm.vcpu, vm.memory_mib, vm.resize_vcpu, vm.resize_memory_mib = new.vcpu, new.memory_mib, None, None
    if host_id is not None and vm.host_id != host_id:
        vm.host, vm.resize_host = Host.objects.get(pk=host_id), None
    push.resource_changed(vm)
