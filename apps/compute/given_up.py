"""What is taken back when an operation on a VM or image ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from apps.compute.models import ImageCopy, Vm
from apps.compute.models.reinstallation import Reinstallation
from apps.compute.quota import size_amounts
from apps.infrastructure import placement
from apps.lifecycle import push
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.models.operation import Stopping
from apps.quotas.services import release_quota
from apps.storage.models import Disk
from apps.storage.quota import growth
from apps.storage.standby import discard

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


def forget_password(operation: Operation) -> None:
    """Erase the password that was on its way into the guest."""
    Vm.objects.filter(pk=operation.target_id).update(sealed_new_password="")


def forget_reinstallation(operation: Operation) -> None:
    """Leave the VM its system disk, and remove what was to replace it.

    The VM is defined anew at its next start at the latest: its host may have been told of the new disk.
    """
    given_up = Reinstallation.objects.select_related("disk__replaces").filter(operation=operation.pk).first()
    if given_up is None:
        return
    disk, old = given_up.disk, given_up.disk.replaces
    given_up.delete()
    Disk.objects.filter(pk=disk.pk).update(replaces=None)
    Resource.objects.filter(pk=operation.target_id).update(
        generation=F("generation") + 1, updated_at=timezone.now()
    )
    if not _is_pushed_aside(operation):
        discard(disk)
    if old is not None and disk.tenant_id is not None:
        release_quota(disk.tenant_id, {"disk_gib": growth(disk.size_gib, old.size_gib)})


def _is_pushed_aside(operation: Operation) -> bool:
    """Whether another request ends it, which may be one about the new disk itself: that is for beat to remove then."""
    error = Operation.objects.filter(pk=operation.pk).values_list("error", flat=True).first() or {}
    return bool(error.get("code") == "operation.superseded")


def stay_if_never_begun(operation: Operation) -> None:
    """Give back the room on the host that a VM was to move to, if no worker has begun moving it.

    Otherwise both hosts are asked first: by the handler, or by whoever needs the VM next (`operations/whereabouts.py`).
    """
    if operation.attempt:
        return
    vm = Vm.objects.filter(pk=operation.target_id, next_host__isnull=False).first()
    if vm is not None and Vm.objects.filter(pk=vm.pk, next_host=vm.next_host_id).update(next_host=None):
        placement.release(vm.next_host_id, vm.need)
