"""Copies whose data is still being copied, and that no operation follows any more: one that did has failed."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, State
from apps.storage.models import Disk
from apps.storage.services.disk import finish_copy
from apps.storage.verbs import DISK_FINISH_COPY

log = logging.getLogger(__name__)

#: So many at a time; the next come in a minute.
AT_ONCE = 50
#: What failed is followed again after this.
AGAIN = timedelta(minutes=1)


def follow_copies() -> int:
    """Request the rest of copies that nobody follows; return of how many."""
    followed = Operation.objects.filter(target_id=OuterRef("pk"), verb=DISK_FINISH_COPY.name)
    lately = followed.filter(finished_at__gt=Now() - AGAIN)
    left = Disk.objects.filter(
        ~Exists(followed.open()),
        ~Exists(lately),
        copied_from__isnull=False,
        independent_at=None,
        state=State.READY,
    )
    count = 0
    for disk in left.order_by("pk")[:AT_ONCE]:
        try:
            finish_copy(SYSTEM, disk)
            count += 1
        except Refused as refusal:
            log.info("copy %s not followed: %s", disk.pk, refusal.message)
    return count
