"""Files made of images for administrators to download: the only writers of their rows, and who may download them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound, Refused
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.uploads import spool
from apps.uploads.models import Export
from apps.uploads.platform_settings import EXPORT_HOURS
from apps.uploads.services import admit

#: How long a link is good for; a download that was begun by it goes on.
LINK_SECONDS = 3600
LONGEST_TOKEN = 300
_SALT = "apps.uploads.exports"
_OPEN = Q(operation__status__in=[OperationStatus.QUEUED, OperationStatus.RUNNING])


class LinkExpired(Refused):
    """The link was right, an hour ago."""

    status = 410
    code = "download.expired"


@transaction.atomic
def start(operation: Operation, *, resource_id: UUID, name: str, size: int) -> Export:
    """Make the row of a file that is about to be written, in place of any other of the resource. Raises NoCapacity."""
    remove(Export.objects.filter(resource=resource_id))
    admit(size)
    return Export.objects.create(
        resource_id=resource_id, name=name, size=size, operation=operation, expires_at=_expiry()
    )


def finish(export: Export, sha256: str) -> None:
    """Note that the file is whole, and keep it from now on for as long as the settings say."""
    Export.objects.filter(pk=export.pk).update(sha256=sha256, expires_at=_expiry())


def forget_export(operation: Operation) -> None:
    """Remove what an operation that ended otherwise than done has written."""
    remove(Export.objects.filter(operation=operation.pk, sha256=""))


def remove(exports: QuerySet[Export]) -> int:
    """Remove rows, and their files once the transaction has been committed; return how many."""
    ids = list(exports.values_list("pk", flat=True))
    Export.objects.filter(pk__in=ids).delete()
    for pk in ids:
        transaction.on_commit(lambda pk=pk: spool.remove(pk))  # type: ignore[misc]
    return len(ids)


def remove_expired() -> int:
    """Remove exports past their time that nothing makes any more; return how many."""
    with transaction.atomic():
        return remove(Export.objects.filter(expires_at__lt=Now()).exclude(_OPEN))


def whole_export(resource: Resource) -> Export | None:
    """Return the file that can be downloaded now, if there is one."""
    return Export.objects.filter(resource=resource.pk, expires_at__gt=Now()).exclude(sha256="").first()


def token_for(actor: Actor, export: Export) -> str:
    """Return what lets this account alone download the file, for `LINK_SECONDS`."""
    assert actor.user is not None
    return signing.dumps([export.pk.hex, actor.user.pk], salt=_SALT)


def link_expiry() -> datetime:
    """Return until when a token that is made now is good."""
    return timezone.now() + timedelta(seconds=LINK_SECONDS)


def opened(actor: Actor, token: str) -> Export:
    """Return the file that a token is for. Raises LinkExpired, or NotFound: also for others than it was made for."""
    export_id, user_id, late = _read(token)
    mine = actor.is_admin and actor.tenant is None and actor.user is not None and actor.user.pk == user_id
    if not mine:
        raise _unknown()
    if late:
        raise LinkExpired(
            _("This download link has expired."), hint=_("Create a new link on the image’s page.")
        )
    export = Export.objects.filter(pk=UUID(export_id), expires_at__gt=Now()).exclude(sha256="").first()
    if export is None:
        raise _unknown()
    return export


def _read(token: str) -> tuple[str, int, bool]:
    """Return export, user and whether the time is over. Raises NotFound for what was not signed here."""
    if len(token) > LONGEST_TOKEN:
        raise _unknown()
    try:
        export_id, user_id = signing.loads(token, salt=_SALT, max_age=LINK_SECONDS)
        return export_id, user_id, False
    except signing.SignatureExpired:
        export_id, user_id = signing.loads(token, salt=_SALT)
        return export_id, user_id, True
    except signing.BadSignature as error:
        raise _unknown() from error


def _expiry() -> datetime:
    return timezone.now() + timedelta(hours=EXPORT_HOURS.value())


def _unknown() -> NotFound:
    return NotFound(
        _("This download was not found."),
        hint=_("Links are for the administrator who created them. Create one on the image’s page."),
    )
