"""System disks that no VM has: what replaces one while its VM is reinstalled, and what is left afterwards.

What is left is deleted by an operation of its own. It is requested in the transaction that leaves it, or here, should
that have failed or not have been possible.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation
from apps.storage.models import Disk
from apps.storage.services.disk import delete_disk
from apps.storage.verbs import DISK_DELETE

log = logging.getLogger(__name__)

#: So many at a time; the next come in a moment.
AT_ONCE = 50
#: What could not be deleted is tried again after this.
AGAIN = timedelta(minutes=10)


def discard(disk: Disk) -> None:
    """Request the deletion of a disk that no VM has any more, with its snapshots."""
    delete_disk(SYSTEM, disk, with_snapshots=True)


def discard_left() -> int:
    """Request the deletion of those that nothing replaces and nobody deletes; return of how many."""
    tried = Operation.objects.filter(target_id=OuterRef("pk"), verb=DISK_DELETE.name)
    lately = tried.filter(finished_at__gt=Now() - AGAIN)
    held = Operation.objects.open().filter(locks__resource=OuterRef("pk"))
    left = Disk.objects.filter(
        ~Exists(tried.open()), ~Exists(lately), ~Exists(held), standby=True, replaces=None
    )
    count = 0
    for disk in left.order_by("pk")[:AT_ONCE]:
        try:
            discard(disk)
            count += 1
        except Refused as refusal:
            log.info("disk %s on standby not deleted: %s", disk.pk, refusal.message)
    return count
