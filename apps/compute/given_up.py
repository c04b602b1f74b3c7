"""What is noted when an operation on an image ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from apps.compute.models import ImageCopy, Vm
from apps.infrastructure.placement import release
from apps.lifecycle.models import Operation

_UNDER_WAY = (ImageCopy.State.COPYING, ImageCopy.State.DELETING)


def mark_copy_failed(operation: Operation) -> None:
    """Leave in error a copy that was not made, or not removed. Read again: the error was written just before."""
    error = Operation.objects.filter(pk=operation.pk).values_list("error", flat=True).first() or {}
    rows = ImageCopy.objects.filter(operation=operation.pk, state__in=_UNDER_WAY)
    rows.update(state=ImageCopy.State.ERROR, error=error)


def stay_if_never_begun(operation: Operation) -> None:
    """Give back the room on the host that a VM was to move to, if no worker has begun moving it.

    Otherwise both hosts are asked first: by the handler, or by whoever needs the VM next (`operations/whereabouts.py`).
    """
    if operation.attempt:
        return
    vm = Vm.objects.filter(pk=operation.target_id, next_host__isnull=False).first()
    if vm is not None and Vm.objects.filter(pk=vm.pk, next_host=vm.next_host_id).update(next_host=None):
        release(vm.next_host_id, vm.need)
