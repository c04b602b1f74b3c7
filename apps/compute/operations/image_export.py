"""What workers do for downloads of images: they fetch the file from a host, part by part, into the spool.

Browsers get it from there: nothing that answers a web request asks a host.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from django.utils.translation import gettext_noop as _

from apps.compute.models import Image
from apps.compute.operations.image_copying import COPY_BEGINS, COPY_ENDS, answered, wait_for_a_host
from apps.compute.verbs import IMAGE_EXPORT, import_takes
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.infrastructure import backends
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import CancelRequested, OperationContext
from apps.uploads import exports, spool
from apps.uploads.models import Export

#: Percent of the whole at which the host has the file ready.
MADE = 30


@handles(IMAGE_EXPORT)
def export_image(run: OperationContext) -> Settle:
    """Make the image one file on a host and fetch that; what is there already is kept for longer."""
    image = Image.objects.select_related("cluster__region").get(pk=run.target_id)
    there = exports.whole_export(image)
    if there is not None and spool.path_of(there.pk).exists():
        return partial(exports.finish, there, there.sha256)
    wait_for_a_host(run, image.cluster)
    # Only the host that has made the file can be asked for it.
    volumes = backends.volumes(image.cluster, run, host=host_in_reach(image.cluster.region_id))
    with _nothing_left(image, volumes):
        export = _started(run, image, volumes)
        digest = _fetch(run, image, volumes, export)
    volumes.ensure_export_absent(image.spec())
    return partial(exports.finish, export, digest)


def _started(run: OperationContext, image: Image, volumes: Volumes) -> Export:
    run.step(_("Preparing the image file"), COPY_BEGINS)
    late = DriverError(_("The export timed out."), code="operation.deadline", permanent=True)
    size = answered(run, lambda: volumes.ensure_exported(image.spec()), late, between=(COPY_BEGINS, MADE))
    if not size:
        raise _changed()
    run.extend(run.operation.created_at + 2 * import_takes(size))
    try:
        return exports.start(run.operation, resource_id=image.pk, name=file_name(image), size=size)
    except NoCapacity as error:
        raise DriverError(
            _("The platform has no space left for a file of %(size)s MiB."),
            values={"size": -(-size >> 20)},
            code="image.no_export_space",
            permanent=True,
            hint=_("Delete uploads, or raise the space for uploads in the settings. Then retry."),
        ) from error


def _fetch(run: OperationContext, image: Image, volumes: Volumes, export: Export) -> str:
    """Write the file to the spool and return its SHA-256."""
    run.step(_("Fetching the image file"), MADE)
    digest, at, spec = hashlib.sha256(), 0, image.spec()
    with spool.new_file(export.pk) as file:
        while at < export.size:
            run.check()
            part = volumes.read_exported(spec, at)
            if len(part) != min(MOST_PART_BYTES, export.size - at):
                raise _changed()
            file.write(part)
            digest.update(part)
            at += len(part)
            run.progressed(MADE + (COPY_ENDS - MADE) * at // export.size)
    return digest.hexdigest()


@contextmanager
def _nothing_left(image: Image, volumes: Volumes) -> Iterator[None]:
    """Remove the file from the host when it is cancelled or fails for good, as far as it can be done now.

    What is in the spool goes with the operation's end, or with the next attempt.
    """
    try:
        yield
    except (CancelRequested, DriverError) as error:
        if isinstance(error, CancelRequested) or error.permanent:
            with suppress(DriverError):  # a host removes by itself what nobody has read for a day
                volumes.ensure_export_absent(image.spec())
        raise


def file_name(image: Image) -> str:
    """Return what the file is called when it is downloaded: letters, digits and a few signs of the image's name."""
    kept = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in image.name).strip("-.")
    return f"{kept or image.pk}.qcow2"


def _changed() -> DriverError:
    return DriverError(
        _("The image file on the host changed while it was read."),
        code="image.export_changed",
        hint=_("The platform fetches it again automatically."),
    )
