"""Whether a storage cluster can be reached: asked by an administrator or by beat, answered by a worker.

A request writes the time and sends a worker the cluster's key; the answer, good or bad, is written to the row. A lost
message costs a moment only: beat looks at every cluster, see `apps.storage.tasks`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.stored_messages import rendered_error

log = logging.getLogger(__name__)

#: Name of the task in `apps.storage.tasks`; workers take it from the queue of what is not beat's.
TASK = "storage.check_connection"
#: A worker that has not answered by then is not going to.
PATIENCE = timedelta(seconds=30)
#: A cluster is looked at twice a minute; one that has not been for so long is no longer known.
OLD = timedelta(minutes=5)


class Reach(StrEnum):
    """What is known of the connection."""

    UNKNOWN = "unknown"
    CHECKING = "checking"
    NO_ANSWER = "no_answer"
    CONNECTED = "connected"
    FAILED = "failed"


@dataclass(frozen=True)
class Connection:
    """What the last check found. at: when; code, message and hint say what is wrong and what to do."""

    reach: Reach
    at: datetime | None = None
    code: str = ""
    message: str = ""
    hint: str = ""


def ask_for_check(cluster: StorageCluster) -> None:
    """Have a worker look at the cluster once the transaction commits."""
    StorageCluster.objects.filter(pk=cluster.pk).update(check_asked_at=Now())
    cluster.refresh_from_db(fields=["check_asked_at"])
    key = cluster.pk
    transaction.on_commit(lambda: _send(key))


def connection_of(cluster: StorageCluster) -> Connection:
    """Return what is known of the connection, in the reader's language."""
    asked, checked, now = cluster.check_asked_at, cluster.checked_at, timezone.now()
    if asked is not None and (checked is None or checked < asked):
        if now - asked < PATIENCE:
            return Connection(Reach.CHECKING, asked)
        return Connection(
            Reach.NO_ANSWER,
            asked,
            "workers.away",
            _("No worker has checked the connection."),
            _("Check that the workers are running, then test the connection again."),
        )
    if checked is None:
        return Connection(Reach.UNKNOWN)
    if cluster.check_error:
        return Connection(Reach.FAILED, checked, **rendered_error(cluster.check_error))
    return Connection(Reach.CONNECTED, checked)


def _send(key: int) -> None:
    try:
        current_app.send_task(TASK, args=[key], ignore_result=True, retry=False)
    except OperationalError:
        log.warning("broker unreachable, storage cluster %s waits for beat", key)
