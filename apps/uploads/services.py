"""Starting uploads, adding to them, and deleting them: the only writers of their rows and files."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.references import chosen_project
from apps.accounts.single_line import is_one_line
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Busy, Invalid, NoCapacity
from apps.lifecycle.models import Operation, OperationStatus
from apps.quotas.services import release_quota, reserve_quota
from apps.uploads import spool
from apps.uploads.models import GIB, Export, Upload, gib_of
from apps.uploads.platform_settings import FILE_GIB, KEPT_HOURS, SPOOL_GIB
from apps.uploads.quota import UPLOAD_GIB
from apps.uploads.selectors import visible_uploads
from apps.uploads.verbs import UPLOAD_CREATE, UPLOAD_DELETE

#: Of one request. Nothing in front of the web process, and nothing in it, keeps more of a body (docs/limits.md).
MOST_PART_BYTES = 512 * 1024
#: Room that uploads and exports leave to everything else on the control plane's disk.
SPARED_BYTES = 2 * GIB
LONGEST_NAME = 255
#: Number of the lock under which uploads are admitted, one after the other.
_ADMISSION = 0x5C10AD
_SHA256 = re.compile(r"[0-9a-f]{64}")


class WrongOffset(Busy):
    """The part does not begin where the upload ends."""

    code = "upload.offset_mismatch"


@serves(UPLOAD_CREATE)
@transaction.atomic
def start_upload(
    actor: Actor, *, size: int, name: str = "", sha256: str = "", project: UUID | None = None
) -> Upload:
    """Admit a file of `size` bytes. Raises Invalid, Forbidden, QuotaExceeded, or NoCapacity when the spool is full."""
    into = chosen_project(actor, project) if project or actor.tenant is not None else None
    tenant_id = into.tenant_id if into else None
    allowed = allow(actor, UPLOAD_CREATE, project=into, tenant_id=tenant_id)
    _check(size, name, sha256)
    upload = Upload(
        tenant_id=tenant_id,
        project=into,
        owner=actor.user,
        name=name,
        size=size,
        sha256=sha256.lower(),
        reserved_gib=gib_of(size) if tenant_id else 0,
    )
    if tenant_id:
        reserve_quota(tenant_id, {UPLOAD_GIB: upload.reserved_gib})
    admit(size)
    upload.save(force_insert=True)
    allowed.record(
        name=str(upload), target_id=upload.pk, tenant=into.tenant if into else None, args={"size": size}
    )
    return upload


def append(actor: Actor, upload: Upload, *, offset: int, data: bytes) -> Upload:
    """Add a part that begins at `offset`. Raises WrongOffset, Busy while another request adds one, or Invalid."""
    allow(actor, UPLOAD_CREATE, project=upload.project, tenant_id=upload.tenant_id)
    with transaction.atomic():
        row = _held(upload)
        if offset != row.received:
            raise WrongOffset(
                _("The upload continues at byte %(at)s.") % {"at": row.received},
                hint=_("Ask for the offset of the upload (HEAD), then continue there."),
            )
        if offset + len(data) > row.size:
            raise Invalid({"size": [_("The upload has %(size)s bytes, no more.") % {"size": row.size}]})
        if data:
            spool.write(row.pk, offset, data)
        row.received += len(data)
        Upload.objects.filter(pk=row.pk).update(received=row.received, active_at=Now())
    return row


@serves(UPLOAD_DELETE)
@transaction.atomic
def delete_upload(actor: Actor, upload: Upload) -> None:
    """Delete an upload and its file. Raises Forbidden, or Busy while it is imported."""
    allowed = allow(actor, UPLOAD_DELETE, project=upload.project, tenant_id=upload.tenant_id)
    row = _held(upload)
    if row.operation is not None and row.operation.is_open:
        raise Busy(
            _("The upload is being imported."),
            hint=_("Wait until the import has finished, or cancel it."),
            details={"operation": str(row.operation.pk)},
        )
    remove(row)
    allowed.record(name=str(row), target_id=row.pk, tenant=row.tenant)


def hold_for_import(actor: Actor, pk: UUID, tenant_id: int | None) -> Upload:
    """Return an upload, locked, of which an image of that tenant can be made now. Raises Invalid (field "upload").

    An administrator's own can become anybody's; a tenant's no other's.
    """
    among = visible_uploads(actor).select_related(None).select_for_update(no_key=True)
    found = among.filter(Q(tenant__isnull=True) | Q(tenant_id=tenant_id), pk=pk).first()
    if found is None:
        raise Invalid({"upload": [_("Upload not found. It may have expired.")]})
    if not found.is_complete:
        raise Invalid({"upload": [_("The upload is not complete.")]})
    if found.operation_id and Operation.objects.open().filter(pk=found.operation_id).exists():
        raise Invalid({"upload": [_("The upload is being imported already.")]})
    return found


def expect_checksum(upload: Upload, sha256: str) -> None:
    """Have the file compared with a checksum before the import, if one is given. Raises Invalid for a second one."""
    wanted = sha256.lower()
    if not wanted or wanted == upload.sha256:
        return
    if upload.sha256:
        raise Invalid({"sha256": [_("The upload was started with another checksum.")]})
    upload.sha256 = wanted
    Upload.objects.filter(pk=upload.pk).update(sha256=wanted)


def note_import(upload: Upload, operation: Operation) -> None:
    """Keep the upload for as long as the operation is open."""
    Upload.objects.filter(pk=upload.pk).update(operation=operation, active_at=Now())


@transaction.atomic
def admit_download(operation: Operation, *, name: str, size: int, sha256: str) -> Upload:
    """Make the row of a file that a worker is about to download. Raises Invalid, QuotaExceeded or NoCapacity."""
    _check(size, name, sha256)
    upload = Upload(
        tenant_id=operation.tenant_id,
        name=name,
        size=size,
        sha256=sha256.lower(),
        reserved_gib=gib_of(size) if operation.tenant_id else 0,
        operation=operation,
    )
    if operation.tenant_id:
        reserve_quota(operation.tenant_id, {UPLOAD_GIB: upload.reserved_gib})
    admit(size)
    upload.save(force_insert=True)
    return upload


def remove(upload: Upload) -> None:
    """Remove row and file and give the quota back; in the caller's transaction."""
    deleted, _each = Upload.objects.filter(pk=upload.pk).delete()
    if deleted and upload.tenant_id is not None:
        release_quota(upload.tenant_id, {UPLOAD_GIB: upload.reserved_gib})
    pk = upload.pk
    transaction.on_commit(lambda: spool.remove(pk))


def remove_expired() -> int:
    """Remove uploads that nobody has added to or imported in time; return how many."""
    open_ones = Q(operation__status__in=[OperationStatus.QUEUED, OperationStatus.RUNNING])
    late = Upload.objects.filter(active_at__lt=Now() - timedelta(hours=KEPT_HOURS.value())).exclude(open_ones)
    expired = list(late[:1000])
    for upload in expired:
        with transaction.atomic():
            remove(upload)
    return len(expired)


def remove_strays() -> int:
    """Remove old files without a row; return how many."""
    return spool.remove_strays(_known)


def _known(names: object) -> set[str]:
    rows = Upload.objects.values_list("pk", flat=True).union(Export.objects.values_list("pk", flat=True))
    return {str(pk) for pk in rows}


def _check(size: int, name: str, sha256: str) -> None:
    wrong: dict[str, list[str]] = {}
    most = FILE_GIB.value()
    if not 1 <= size <= most * GIB:
        wrong["size"] = [_("1 byte to %(most)s GiB.") % {"most": most}]
    if len(name) > LONGEST_NAME or (name and not is_one_line(name)):
        wrong["name"] = [_("One line, at most %(most)s characters.") % {"most": LONGEST_NAME}]
    if sha256 and not _SHA256.fullmatch(sha256.lower()):
        wrong["sha256"] = [_("64 hexadecimal digits.")]
    if wrong:
        raise Invalid(wrong)


def admit(size: int) -> None:
    """Raise NoCapacity unless the whole file will have room, beside what was admitted before; one at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADMISSION])
    sums = Upload.objects.aggregate(all=Sum("size"), left=Sum(F("size") - F("received")))
    admitted, to_come = sums["all"] or 0, sums["left"] or 0
    exports = Export.objects.aggregate(all=Sum("size"), left=Sum("size", filter=Q(sha256="")))
    admitted, to_come = admitted + (exports["all"] or 0), to_come + (exports["left"] or 0)
    room = min(SPOOL_GIB.value() * GIB - admitted, spool.free_bytes() - SPARED_BYTES - to_come)
    if size > room:
        raise NoCapacity(
            _("The platform has no space left for this upload."),
            code="upload.no_space",
            hint=_("Retry later, or ask the administrator for more space for uploads."),
        )


def _held(upload: Upload) -> Upload:
    """Return the row under a lock. Raises Busy when another request has it: nobody queues behind a body."""
    rows = Upload.objects.select_for_update(nowait=True, of=("self",)).select_related("operation", "tenant")
    try:
        with transaction.atomic():
            return rows.get(pk=upload.pk)
    except DatabaseError as error:
        raise Busy(
            _("Another request is sending data to this upload."),
            code="upload.locked",
            hint=_("Retry in a moment."),
        ) from error
