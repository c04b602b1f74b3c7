"""What is taken back when an operation on a VM or image ended otherwise than done; in the transaction that ends it."""

from __future__ import annotations

from django.db.models import F
from django.utils import timezone

from apps.compute.models import ImageCopy, Vm
from apps.compute.models.reinstallation import Reinstallation
from apps.lifecycle.models import Operation, Resource
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
