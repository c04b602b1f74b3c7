"""What workers do for images."""

from __future__ import annotations

from functools import partial

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image, ImageCopy
from apps.compute.operations.image_capture import (
    make_base,
    make_from_vm,
    remove_image_copy_point,
)
from apps.compute.operations.image_copy import wait_for_copying_to_stop
from apps.compute.operations.image_copying import COPY_BEGINS, copied, wait_for_a_host
from apps.compute.operations.image_sources import DELIVERED_AT, deliver, discard_useless, upload_of, verify
from apps.compute.verbs import IMAGE_DELETE, IMAGE_FORCE_CLEAN, IMAGE_IMPORT, IMAGE_RETRY
from apps.drivers.errors import DriverError
from apps.drivers.specs import ImageInfo
from apps.drivers.specs.storage import DELIVERED
from apps.infrastructure import backends
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.quotas.services import release_quota
from apps.reconciliation.operations.common import keep_remaining, repairing
from apps.uploads import exports
from apps.uploads.models import Export, Upload
from apps.uploads.services import remove as remove_upload

GIB = 1 << 30


def make_imported(run: OperationContext) -> Settle:
    """Have a host check and copy the file into the pool, once the host has it."""
    image = _load(run)
    upload = upload_of(run)
    try:
        info = _imported(run, image, upload)
    except DriverError as error:
        discard_useless(upload, error)
        raise
    return lambda: _settle_imported(image, info, upload)


def _imported(run: OperationContext, image: Image, upload: Upload | None) -> ImageInfo:
    if upload is not None:
        verify(run, upload)
    wait_for_a_host(run, image.cluster)
    # What it was sent, the same host has to make the image of.
    volumes = backends.volumes(image.cluster, run, host=host_in_reach(image.cluster.region_id))
    if upload is not None:
        deliver(run, image, volumes, upload)
    run.step(_("Checking and copying the image"), DELIVERED_AT if upload else COPY_BEGINS)
    source = DELIVERED if upload else run.operation.args["source"]
    return copied(
        run,
        lambda: volumes.ensure_image(image.spec(), source),
        begins=DELIVERED_AT if upload else COPY_BEGINS,
    )


handles(IMAGE_IMPORT)(make_imported)


@handles(IMAGE_RETRY)
def retry_image(run: OperationContext) -> Settle:
    """Create it in the way that failed."""
    image = _load(run)
    if image.source_disk_id is not None:
        return make_from_vm(run)
    if image.source_image_id is not None:
        return make_base(run)
    return make_imported(run)


@handles(IMAGE_DELETE)
def delete_image(run: OperationContext) -> Settle:
    """Remove the image from the pool."""
    image = _load(run)
    wait_for_copying_to_stop(run)
    for copy in _copies(image):
        run.step(_("Removing the copy in %(cluster)s"), 20, cluster=copy.cluster)
        backends.volumes(copy.cluster, run).ensure_image_absent(copy.spec())
    run.step(_("Removing the image"), 60)
    remove_image_copy_point(run, image)
    backends.volumes(image.cluster, run).ensure_image_absent(image.spec())
    return lambda: _settle_deleted(image)


@handles(IMAGE_FORCE_CLEAN)
@repairing
def force_clean_image(run: OperationContext) -> Settle:
    """Remove the image's file, if it can be, and its row."""
    image = _load(run)
    wait_for_copying_to_stop(run)
    for copy in _copies(image):
        run.step(_("Removing the copy in %(cluster)s"), 20, cluster=copy.cluster)
        keep_remaining(run, partial(_remove_copy, run, copy))
    run.step(_("Removing the image"), 60)
    keep_remaining(run, lambda: remove_image_copy_point(run, image))
    keep_remaining(run, lambda: backends.volumes(image.cluster, run).ensure_image_absent(image.spec()))
    return lambda: _settle_deleted(image)


def _load(run: OperationContext) -> Image:
    return Image.objects.select_related("cluster__region").get(pk=run.target_id)


def _copies(image: Image) -> list[ImageCopy]:
    return list(image.copies.select_related("cluster__region").order_by("cluster__name"))


def _remove_copy(run: OperationContext, copy: ImageCopy) -> None:
    backends.volumes(copy.cluster, run).ensure_image_absent(copy.spec())


def _settle_imported(image: Image, info: ImageInfo, upload: Upload | None) -> None:
    if upload is not None:
        remove_upload(upload)
    Image.objects.filter(pk=image.pk).update(
        virtual_bytes=info.virtual_bytes,
        stored_bytes=info.stored_bytes,
        source_format=info.source_format,
        min_disk_gib=max(1, -(-info.virtual_bytes // GIB)),
    )


def _settle_deleted(image: Image) -> None:
    if image.tenant_id is not None:
        release_quota(image.tenant_id, {"image": 1})
    exports.remove(Export.objects.filter(resource=image.pk))
    remove([image])
