"""What workers do for images."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image
from apps.compute.verbs import (
    IMAGE_DELETE,
    IMAGE_FORCE_CLEAN,
    IMAGE_IMPORT,
    IMAGE_RETRY,
    LARGEST_IMAGE_BYTES,
    import_takes,
)
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.specs import ImageInfo
from apps.drivers.specs.storage import IMAGE_FORMATS
from apps.infrastructure import backends
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.quotas.services import release_quota
from apps.reconciliation.operations.common import keep_remaining, repairing

GIB = 1 << 30
#: How long an import waits for the first host to report.
PATIENCE = timedelta(minutes=10)
#: Percent of the whole between which the copying is.
IMPORT_BEGINS, IMPORT_ENDS = 5, 95
#: What a file system may set aside beyond what is written.
SLACK_BYTES = 64 << 20
#: An agent that is still copying an image says so; the order is then given again.
STILL_WORKING = "host.still_working"


@handles(IMAGE_IMPORT)
def import_image(run: OperationContext) -> Settle:
    """Have a host check and copy the file into the pool."""
    image = _load(run)
    _wait_for_a_host(run, image)
    run.step(_("Checking and copying the image"), IMPORT_BEGINS)
    volumes = backends.volumes(image.cluster, run)
    info = _import(run, volumes, image)
    return lambda: _settle_imported(image, info)


handles(IMAGE_RETRY)(import_image)


@handles(IMAGE_DELETE)
def delete_image(run: OperationContext) -> Settle:
    """Remove the image from the pool."""
    image = _load(run)
    run.step(_("Removing the image"), 30)
    backends.volumes(image.cluster, run).ensure_image_absent(image.spec())
    return lambda: _settle_deleted(image)


@handles(IMAGE_FORCE_CLEAN)
@repairing
def force_clean_image(run: OperationContext) -> Settle:
    """Remove the image's file, if it can be, and its row."""
    image = _load(run)
    run.step(_("Removing the image"), 30)
    keep_remaining(run, lambda: backends.volumes(image.cluster, run).ensure_image_absent(image.spec()))
    return lambda: _settle_deleted(image)


def _load(run: OperationContext) -> Image:
    return Image.objects.select_related("cluster__region").get(pk=run.target_id)


def _wait_for_a_host(run: OperationContext, image: Image) -> None:
    """A platform that has just come up has no host yet; asking again and again is cheaper than failing and waiting."""
    region = image.cluster.region_id
    if host_in_reach(region) is None:
        run.step(_("Waiting for a host to copy the image"))
        run.wait_until(
            lambda: host_in_reach(region) is not None,
            within=PATIENCE,
            error=DriverError(
                _("No host in region %(region)s is reachable."),
                values={"region": image.cluster.region},
                code="host.unreachable",
                permanent=True,
                hint=_("Check that the hosts are up and their agents are running."),
            ),
        )


def _import(run: OperationContext, volumes: Volumes, image: Image) -> ImageInfo:
    done: list[ImageInfo] = []

    def finished() -> bool:
        try:
            done.append(volumes.ensure_image(image.spec(), run.operation.args["source"]))
        except DriverError as error:
            if error.code != STILL_WORKING:
                raise
            _report_progress(run, error)
        return bool(done)

    run.wait_until(
        finished,
        within=import_takes(LARGEST_IMAGE_BYTES),
        error=DriverError(_("The import timed out."), code="operation.deadline", permanent=True),
        every=1,
    )
    return _checked(done[0])


def _checked(info: ImageInfo) -> ImageInfo:
    """Return what the host says of the image, if an image can be so."""
    most_stored = 2 * info.virtual_bytes + SLACK_BYTES
    if (
        info.source_format in IMAGE_FORMATS
        and 0 < info.virtual_bytes <= LARGEST_IMAGE_BYTES
        and info.stored_bytes <= most_stored
    ):
        return info
    raise DriverError(
        _(
            "The host reported invalid figures for the image: %(format)s, %(virtual)s bytes, "
            "%(stored)s stored."
        ),
        values={"format": info.source_format, "virtual": info.virtual_bytes, "stored": info.stored_bytes},
        code="image.implausible",
        permanent=True,
        hint=_("Check the host that imported the image. Then delete the image and import it again."),
    )


def _report_progress(run: OperationContext, said: DriverError) -> None:
    """Show how much has been copied, and give the time that so large a file takes."""
    done, total = (said.values.get(name, 0) for name in ("done_bytes", "total_bytes"))
    if not (isinstance(done, int) and isinstance(total, int)):
        return
    if 0 <= done <= total <= LARGEST_IMAGE_BYTES and total:
        run.progressed(IMPORT_BEGINS + (IMPORT_ENDS - IMPORT_BEGINS) * done // total)
        run.extend(run.operation.created_at + import_takes(total))


def _settle_imported(image: Image, info: ImageInfo) -> None:
    Image.objects.filter(pk=image.pk).update(
        virtual_bytes=info.virtual_bytes,
        stored_bytes=info.stored_bytes,
        source_format=info.source_format,
        min_disk_gib=max(1, -(-info.virtual_bytes // GIB)),
    )


def _settle_deleted(image: Image) -> None:
    if image.tenant_id is not None:
        release_quota(image.tenant_id, {"image": 1})
    remove([image])
