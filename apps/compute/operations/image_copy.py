"""What workers do for copies of images in further storage clusters, and for VMs that wait for one."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from django.utils.translation import gettext_noop as _

from apps.compute.models import ImageCopy
from apps.compute.operations.image_copying import COPY_BEGINS, copied, wait_for_a_host
from apps.compute.verbs import (
    IMAGE_COPY,
    IMAGE_DELETE_COPY,
    IMAGE_EXPORT,
    LARGEST_IMAGE_BYTES,
    VM_CREATE,
    import_takes,
)
from apps.drivers.errors import DriverError
from apps.drivers.specs import ImageInfo
from apps.infrastructure import backends
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Operation
from apps.lifecycle.operation_context import OperationContext
from apps.storage.models import Disk

State = ImageCopy.State
#: Percent of a VM's creation at which its copy is complete.
COPIED = 90
#: What copies an image that is to be deleted is given this long to stop.
STOPPING = timedelta(minutes=3)


@handles(IMAGE_COPY)
def copy_image(run: OperationContext) -> Settle | None:
    """Have a host copy the image into the storage cluster, from its own one."""
    copy = _load(run)
    if copy is None:
        return None
    wait_for_a_host(run, copy.cluster)
    run.step(_("Copying the image to %(cluster)s"), COPY_BEGINS, cluster=copy.cluster)
    volumes = backends.volumes(copy.cluster, run)
    info = copied(run, lambda: volumes.ensure_image_copy(copy.spec(), copy.image.spec()))
    return partial(_settle, copy, info)


@handles(IMAGE_DELETE_COPY)
def delete_copy(run: OperationContext) -> Settle | None:
    """Remove the copy from its storage cluster."""
    copy = _load(run)
    if copy is None:
        return None
    run.step(_("Removing the copy in %(cluster)s"), 30, cluster=copy.cluster)
    backends.volumes(copy.cluster, run).ensure_image_absent(copy.spec())
    return partial(_settle_deleted, copy)


def wait_for_copy(run: OperationContext, disk: Disk) -> None:
    """Wait until the copy that a system disk reads is complete, and show how far it is. Raises DriverError."""
    pk = disk.image_copy_id
    if pk is None or ImageCopy.objects.filter(pk=pk, state=State.READY).exists():
        return
    copy = ImageCopy.objects.select_related("image", "cluster", "operation").get(pk=pk)
    names = {"image": copy.image.name, "cluster": copy.cluster}
    run.step(_("Copying image %(image)s to %(cluster)s"), None, **names)

    def complete() -> bool:
        seen = ImageCopy.objects.select_related("operation").get(pk=pk)
        if seen.state == State.ERROR:
            raise _failed(names)
        if seen.operation is not None:
            run.progressed(COPIED * seen.operation.progress // 100)
            run.extend(seen.operation.deadline + VM_CREATE.deadline)
        return seen.state == State.READY

    late = DriverError(_("Copying the image timed out."), code="operation.deadline", permanent=True)
    run.wait_until(complete, within=import_takes(LARGEST_IMAGE_BYTES), error=late)


def wait_for_copying_to_stop(run: OperationContext) -> None:
    """Wait until nothing copies or exports the operation's image, or deletes a copy, any more. Raises DriverError."""
    verbs = (IMAGE_COPY.name, IMAGE_DELETE_COPY.name, IMAGE_EXPORT.name)
    under_way = Operation.objects.open().filter(target_id=run.target_id, verb__in=verbs)
    if under_way.exists():
        run.step(_("Waiting for copies of the image to stop"))
        still = DriverError(
            _("The image is still being copied."),
            code="image.still_copied",
            permanent=True,
            hint=_("Wait until the copy has stopped, then retry."),
        )
        run.wait_until(lambda: not under_way.exists(), within=STOPPING, error=still)


def _failed(names: dict[str, object]) -> DriverError:
    return DriverError(
        _("Image %(image)s could not be copied to %(cluster)s."),
        values=names,
        code="image.not_copied",
        permanent=True,
        hint=_("Retry to copy the image again. The image’s page shows the cause."),
    )


def _load(run: OperationContext) -> ImageCopy | None:
    rows = ImageCopy.objects.select_related("cluster__region", "image__cluster__region")
    return rows.filter(image=run.target_id, operation=run.operation.pk).first()


def _settle(copy: ImageCopy, info: ImageInfo) -> None:
    rows = ImageCopy.objects.filter(pk=copy.pk)
    rows.update(state=State.READY, stored_bytes=info.stored_bytes, error={})
    push.resource_changed(copy.image)


def _settle_deleted(copy: ImageCopy) -> None:
    ImageCopy.objects.filter(pk=copy.pk).delete()
    push.resource_changed(copy.image)
