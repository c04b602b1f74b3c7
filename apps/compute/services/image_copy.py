"""Copying images to further storage clusters: on request, and by itself when a VM is created there first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.access import begin
from apps.accounts.acts import changes
from apps.accounts.models import Tenant
from apps.compute.models import Image, ImageCopy, Vm
from apps.compute.verbs import IMAGE_COPY, IMAGE_DELETE_COPY, IMAGE_EXPORT
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.regions import ensure_one_region
from apps.infrastructure.selectors import usable, visible_storage_clusters
from apps.infrastructure.space import ensure_accepts_disks
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.errors import Busy, Invalid, NotNow
from apps.lifecycle.in_use import ensure_unused
from apps.lifecycle.models import Operation, Resource
from apps.lifecycle.requests import Change
from apps.lifecycle.usable import ensure_usable, hold_for_use
from apps.storage.models import Disk

State = ImageCopy.State


@changes(IMAGE_COPY, shared=True)
def copy_image(change: Change[Image], *, cluster: int) -> Operation:
    """Copy the image to a storage cluster; one that failed is copied once more. Raises Invalid, Refused, Busy."""
    image, chosen = change.row, _chosen(change.actor, cluster)
    ensure_usable(image)
    ensure_one_region(image, chosen, field="cluster")
    _ensure_permitted(image, chosen)
    ensure_accepts_disks(chosen, "cluster")
    known = _copy_in(image, chosen)
    if image.cluster_id == chosen.pk or (known and known.state == State.READY):
        names = {"image": image.name, "cluster": chosen}
        raise Invalid({"cluster": [_("Image %(image)s is already stored in %(cluster)s.") % names]})
    if known is not None and known.state != State.ERROR:
        raise _busy(known)
    return _request(change, known or ImageCopy(image=image, cluster=chosen), State.COPYING)


@changes(IMAGE_DELETE_COPY, shared=True)
def delete_copy(change: Change[Image], *, cluster: int) -> Operation:
    """Delete the image's copy in a storage cluster. Raises Invalid, InUse naming its disks, Busy."""
    image, chosen = change.row, _chosen(change.actor, cluster)
    known = _copy_in(image, chosen)
    if known is None:
        names = {"image": image.name, "cluster": chosen}
        raise Invalid({"cluster": [_("Image %(image)s has no copy in %(cluster)s.") % names]})
    if known.state in (State.COPYING, State.DELETING):
        raise _busy(known)
    ensure_unused(
        image,
        Resource.objects.filter(as_disk__image_copy=known.pk),
        hint=_("These disks in storage cluster %(name)s depend on the copy. Delete them first.")
        % {"name": chosen},
    )
    return _request(change, known, State.DELETING)


def hold_image(image: Image, cluster: StorageCluster) -> ImageCopy | None:
    """Hold an image for system disks in a storage cluster, as `hold_for_use` does; return the copy they will read.

    None in the image's own cluster. Where there is no copy yet, one is made by itself: whoever comes first requests it,
    under the image's lock, and everybody after that finds it. Raises NotNow.
    """
    if image.cluster_id == cluster.pk:
        hold_for_use(image, shared=True)
        return None
    known = _copy_in(image, cluster)
    hold_for_use(image, shared=known is not None and known.state != State.ERROR)
    known = _copy_in(image, cluster)
    if known is not None and known.state == State.DELETING:
        raise NotNow(
            _("The copy of image %(image)s in %(cluster)s is being deleted.")
            % {"image": image.name, "cluster": cluster},
            hint=_("Wait until it is deleted, then retry."),
        )
    if known is None or known.state == State.ERROR:
        known = known or ImageCopy(image=image, cluster=cluster)
        _request(begin(SYSTEM, IMAGE_COPY, image), known, State.COPYING)
    return known


@dataclass(frozen=True)
class CopyForecast:
    """What is copied before a system disk can be created. `progress`: of a copy that is being made; None: not yet."""

    cluster: StorageCluster
    size_bytes: int
    progress: int | None = None

    @property
    def size_gib(self) -> str:
        """The size as shown."""
        return f"{self.size_bytes / (1 << 30):,.1f}"


def copy_forecast(image: Image, cluster: StorageCluster) -> CopyForecast | None:
    """Return what will be copied to a storage cluster for a system disk there; None when nothing will."""
    if image.cluster_id == cluster.pk:
        return None
    known = ImageCopy.objects.select_related("operation").filter(image=image.pk, cluster=cluster).first()
    if known is not None and known.state == State.READY:
        return None
    return CopyForecast(cluster, image.stored_bytes, known.progress if known else None)


def hold_image_again(vm: Vm) -> None:
    """Have the copy that a VM's system disk reads made once more, should it have failed."""
    disk = vm.disks.select_related("image", "cluster").filter(role=Disk.Role.SYSTEM).first()
    if disk is not None and disk.image is not None:
        hold_image(disk.image, disk.cluster)


def stop_copying(change: Change[Any]) -> None:
    """Ask what copies or exports an image that is to be deleted to stop; the deletion waits until it has."""
    verbs = (IMAGE_COPY.name, IMAGE_EXPORT.name)
    running = Operation.objects.open().filter(target_id=change.row.pk, verb__in=verbs)
    for operation in running.order_by("pk"):
        cancel(change.actor, operation)


def _request(change: Change[Image], copy: ImageCopy, state: ImageCopy.State) -> Operation:
    operation = change.request(args={"cluster": copy.cluster_id})
    copy.state, copy.error, copy.operation = state, {}, operation
    copy.save()
    return operation


def _copy_in(image: Image, cluster: StorageCluster) -> ImageCopy | None:
    return ImageCopy.objects.filter(image=image, cluster=cluster).first()


def _chosen(actor: Actor, pk: int) -> StorageCluster:
    found = visible_storage_clusters(actor).filter(pk=pk).first()
    if found is None:
        raise Invalid({"cluster": [_("Storage cluster not found, or you have no access to it.")]})
    return found


def _ensure_permitted(image: Image, cluster: StorageCluster) -> None:
    """An administrator sees all clusters, but the image's tenant may not use each of them (CL-4)."""
    if (
        image.tenant_id is None
        or usable(image.tenant_id, StorageCluster.objects.filter(pk=cluster.pk)).exists()
    ):
        return
    names = {"tenant": Tenant.objects.get(pk=image.tenant_id).name, "cluster": cluster}
    raise Invalid({"cluster": [_("Tenant %(tenant)s has no access to storage cluster %(cluster)s.") % names]})


def _busy(copy: ImageCopy) -> Busy:
    names = {"image": copy.image.name, "cluster": copy.cluster}
    text = (
        _("Image %(image)s is being copied to %(cluster)s.")
        if copy.state == State.COPYING
        else _("The copy of image %(image)s in %(cluster)s is being deleted.")
    )
    return Busy(
        text % names,
        hint=_("Wait until it has finished, then retry."),
        details={"operation": str(copy.operation_id)},
    )
