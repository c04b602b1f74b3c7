"""What is noted when an operation on an image or a VM ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from apps.compute.models import ImageCopy, Vm
from apps.compute.quota import size_amounts
from apps.infrastructure import placement
from apps.lifecycle import push
from apps.lifecycle.models import Operation
from apps.lifecycle.models.operation import Stopping
from apps.quotas.services import release_quota

_UNDER_WAY = (ImageCopy.State.COPYING, ImageCopy.State.DELETING)


def mark_copy_failed(operation: Operation) -> None:
    """Leave in error a copy that was not made, or not removed. Read again: the error was written just before."""
    error = Operation.objects.filter(pk=operation.pk).values_list("error", flat=True).first() or {}
    rows = ImageCopy.objects.filter(operation=operation.pk, state__in=_UNDER_WAY)
    rows.update(state=ImageCopy.State.ERROR, error=error)


def forget_resize(operation: Operation) -> None:
    """Drop the size that a VM was to get, and give quota and room back."""
    vm = Vm.objects.filter(pk=operation.target_id).first()
    if vm is not None and vm.resize is not None:
        drop_resize(vm)


def forget_hot_add(operation: Operation) -> None:
    """Drop the size that a VM was to get, unless it may have part of it: then it gets all of it at its next start.

    Read again: a worker may have started since `operation` was read.
    """
    if Operation.objects.filter(pk=operation.pk, stopping=Stopping.TOO_LATE).exists():
        Vm.objects.filter(pk=operation.target_id, resize_vcpu__isnull=False).update(resize_unsettled=True)
    else:
        forget_resize(operation)


def drop_resize(vm: Vm) -> None:
    """Drop the size that a VM was to get; call in a transaction that has locked it. Locks quota, then hosts."""
    assert vm.resize is not None
    clear_resize(vm)
    more = vm.need.beyond(vm.size)
    if vm.tenant_id is not None:
        release_quota(vm.tenant_id, size_amounts(more))
    if vm.resize_host_id is not None:
        placement.release(vm.resize_host_id, vm.resize)
    else:
        placement.release(vm.host_id, more)
    push.resource_changed(vm)


def clear_resize(vm: Vm, **columns: object) -> None:
    """Write that no other size waits for a VM, and what else has changed with that."""
    Vm.objects.filter(pk=vm.pk).update(
        resize_type=None,
        resize_vcpu=None,
        resize_memory_mib=None,
        resize_host=None,
        resize_unsettled=False,
        **columns,
    )
