"""What workers do to create images from VMs, and base images from images of tenants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image
from apps.compute.operations.image_copying import COPY_BEGINS, copied, wait_for_a_host
from apps.compute.verbs import IMAGE_CAPTURE, IMAGE_COPY_TO_BASE
from apps.drivers.errors import DriverError
from apps.drivers.specs import ImageInfo, SnapshotSpec
from apps.infrastructure import backends
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import CancelRequested, OperationContext
from apps.storage.models import Disk
from apps.storage.operations.common import load_disk, taken_at_rest, volumes_of
from apps.storage.specs import volume_spec

GIB = 1 << 30


def make_from_vm(run: OperationContext) -> Settle:
    """Keep what the VM's system disk holds, the guest at rest as far as it can be, and copy that to an image."""
    image, disk = _load(run), None
    if image.source_disk_id is not None:
        disk = load_disk(image.source_disk_id)
    if disk is None:
        raise _source_gone()
    wait_for_a_host(run, image.cluster)
    with _nothing_left(run, image):
        kept = _keep(run, image, disk)
        run.step(_("Copying the system disk"), COPY_BEGINS)
        volumes = volumes_of(disk, run)
        info = copied(run, lambda: volumes.ensure_image_from_snapshot(image.spec(), kept))
    remove_image_copy_point(run, image)
    return partial(_settle, image, info)


def make_base(run: OperationContext) -> Settle:
    """Have a host copy the tenant's image to the base image, in the same storage cluster."""
    image = _load(run)
    source = image.source_image
    if source is None:
        raise _source_gone()
    wait_for_a_host(run, image.cluster)
    run.step(_("Copying image %(image)s"), COPY_BEGINS, image=source.name)
    volumes = backends.volumes(image.cluster, run)
    info = copied(run, lambda: volumes.ensure_image_copy(image.spec(), source.spec()))
    return partial(_settle, image, info)


handles(IMAGE_CAPTURE)(make_from_vm)
handles(IMAGE_COPY_TO_BASE)(make_base)


def remove_image_copy_point(run: OperationContext, image: Image) -> None:
    """Remove the snapshot of its source that exists only to copy an image from."""
    disk = load_disk(image.source_disk_id) if image.source_disk_id and image.copy_point else None
    if disk is not None:
        volumes_of(disk, run).ensure_snapshot_absent(_copy_point(image, disk))


def _keep(run: OperationContext, image: Image, disk: Disk) -> SnapshotSpec:
    """Return the snapshot to copy from, taken unless an earlier attempt has noted that it was."""
    point = _copy_point(image, disk)
    if image.consistency:
        return point
    volumes = volumes_of(disk, run)
    run.step(_("Taking a snapshot of %(disk)s"), 2, disk=disk.name)
    # What an earlier attempt may have left is of another moment.
    volumes.ensure_image_absent(image.spec())
    volumes.ensure_snapshot_absent(point)
    image.consistency = taken_at_rest(run, disk, lambda: volumes.ensure_snapshot(point))
    run.check()
    Image.objects.filter(pk=image.pk).update(consistency=image.consistency)
    return point


@contextmanager
def _nothing_left(run: OperationContext, image: Image) -> Iterator[None]:
    """Remove what has been copied, and the snapshot, when it is cancelled or fails for good."""
    try:
        yield
    except CancelRequested:
        _clean_up(run, image)
        raise
    except DriverError as error:
        if error.permanent:
            _clean_up(run, image)
        raise


def _clean_up(run: OperationContext, image: Image) -> None:
    """As far as it can be now: deleting the image, or its next attempt, removes the rest."""
    with suppress(DriverError):
        backends.volumes(image.cluster, run).ensure_image_absent(image.spec())
    with suppress(DriverError):
        remove_image_copy_point(run, image)


def _copy_point(image: Image, disk: Disk) -> SnapshotSpec:
    return SnapshotSpec(id=str(image.copy_point), volume=volume_spec(disk))


def _load(run: OperationContext) -> Image:
    rows = Image.objects.select_related("cluster__region", "source_image__cluster")
    return rows.get(pk=run.target_id)


def _source_gone() -> DriverError:
    return DriverError(
        _("What the image is created from no longer exists."),
        code="image.source_gone",
        permanent=True,
        hint=_("Delete the image and create it from another source."),
    )


def _settle(image: Image, info: ImageInfo) -> None:
    least = max(1, -(-info.virtual_bytes // GIB))
    Image.objects.filter(pk=image.pk).update(
        virtual_bytes=info.virtual_bytes,
        stored_bytes=info.stored_bytes,
        source_format=info.source_format,
        min_disk_gib=least,
        default_disk_gib=max(image.default_disk_gib, least),
        copy_point=None,
    )
