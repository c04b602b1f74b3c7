"""Bringing the file that an image is made of to a host: an upload as it is, or after it has been downloaded.

The host gets it in parts, each a sealed order: there is no other way from the control plane to a host that would need
an address, a port or a key of its own (docs/concepts/images.md).
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop as _

from apps.compute.models import Image
from apps.compute.operations.image_copying import COPY_BEGINS
from apps.compute.verbs import import_takes
from apps.drivers.errors import DriverError
from apps.drivers.protocols import Volumes
from apps.drivers.specs.storage import MOST_PART_BYTES
from apps.lifecycle.errors import Refused
from apps.lifecycle.operation_context import OperationContext
from apps.uploads import spool
from apps.uploads.downloading import download
from apps.uploads.models import Upload
from apps.uploads.platform_settings import IMAGE_SOURCES
from apps.uploads.services import admit_download, remove
from apps.uploads.sources import Sources

#: Errors that say that the file itself is no use: it is removed, and a retry needs another one.
USELESS = frozenset({"volumes.image_invalid", "volumes.image_too_large", "image.checksum_mismatch"})
#: Percent of the whole at which each part of the work ends.
DOWNLOADED, VERIFIED, DELIVERED_AT = 25, 30, 60


def upload_of(run: OperationContext) -> Upload | None:
    """Return the file that the operation imports, downloaded first if it is given by a URL; None: one in the pool."""
    args = run.operation.args
    if url := args.get("url"):
        return _downloaded(run, url, args.get("sha256", ""))
    if not (pk := args.get("upload")):
        return None
    found = Upload.objects.filter(pk=UUID(pk)).first()
    if found is None:
        raise _gone()
    return found


def verify(run: OperationContext, upload: Upload) -> None:
    """Compare the file with its checksum, if one was given. Raises a permanent DriverError."""
    if not upload.sha256:
        return
    run.step(_("Checking the SHA-256 checksum"), DOWNLOADED)

    def read(done: int) -> None:
        run.check()
        run.progressed(DOWNLOADED + (VERIFIED - DOWNLOADED) * done // upload.size)

    try:
        found = spool.sha256_of(spool.path_of(upload.pk), upload.size, read)
    except (FileNotFoundError, EOFError) as error:
        raise _gone() from error
    if found != upload.sha256:
        raise DriverError(
            _("The SHA-256 checksum of the file is %(found)s. Expected: %(expected)s."),
            values={"found": found, "expected": upload.sha256},
            code="image.checksum_mismatch",
            permanent=True,
            hint=_("Upload the file again, or correct the checksum."),
        )


def deliver(run: OperationContext, image: Image, volumes: Volumes, upload: Upload) -> None:
    """Send the file to the host that `volumes` is of, from where an earlier attempt has come to."""
    run.step(_("Sending the file to the storage"), VERIFIED)
    run.extend(run.operation.created_at + 2 * import_takes(upload.size))
    spec = image.spec()
    at = volumes.ensure_delivered(spec, 0, b"") if run.operation.attempt > 1 else 0
    at = at if at <= upload.size else 0
    while at < upload.size:
        run.check()
        part = _part(upload, at)
        reached = volumes.ensure_delivered(spec, at, part)
        at = reached if reached <= at + len(part) else 0
        run.progressed(VERIFIED + (DELIVERED_AT - VERIFIED) * at // upload.size)


def discard_useless(upload: Upload | None, error: DriverError) -> None:
    """Remove the file when it can never become an image: what is refused leaves nothing behind."""
    if upload is not None and error.permanent and error.code in USELESS:
        with transaction.atomic():
            remove(upload)


def _part(upload: Upload, at: int) -> bytes:
    end = min(at + MOST_PART_BYTES, upload.size)
    try:
        return b"".join(spool.parts_of(spool.path_of(upload.pk), at, end))
    except (FileNotFoundError, EOFError) as error:
        raise _gone() from error


def _downloaded(run: OperationContext, url: str, sha256: str) -> Upload:
    known = Upload.objects.filter(operation=run.operation).first()
    if known is not None and known.is_complete:
        return known
    if known is not None:  # of an attempt that was broken off
        with transaction.atomic():
            remove(known)
    run.step(_("Downloading the image"), COPY_BEGINS)
    with download(url, Sources.of(IMAGE_SOURCES.value())) as found:
        upload = _admitted(run, url, found.size, sha256)
        run.extend(run.operation.created_at + import_takes(found.size))
        try:
            for part in found.parts():
                run.check()
                spool.write(upload.pk, upload.received, part)
                upload.received += len(part)
                run.progressed(COPY_BEGINS + (DOWNLOADED - COPY_BEGINS) * upload.received // upload.size)
        except BaseException:
            with transaction.atomic():
                remove(upload)
            raise
    Upload.objects.filter(pk=upload.pk).update(received=upload.received)
    return upload


def _admitted(run: OperationContext, url: str, size: int, sha256: str) -> Upload:
    name = url.partition("?")[0].rpartition("/")[2][:255]
    try:
        return admit_download(run.operation, name=name, size=size, sha256=sha256)
    except Refused as error:
        raise DriverError(
            _("The download was refused: %(reason)s"),
            values={"reason": error.message},
            code="image.download_refused",
            permanent=True,
            hint=_("Import a smaller file, or ask the administrator for more space for uploads."),
        ) from error


def _gone() -> DriverError:
    return DriverError(
        _("The uploaded file no longer exists."),
        code="image.upload_gone",
        permanent=True,
        hint=_("Delete this image, then upload the file again."),
    )
