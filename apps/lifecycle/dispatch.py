"""Sending workers the id of an operation to claim. A lost message loses nothing: the sweeper sends another."""

from __future__ import annotations

import logging
from uuid import UUID

import redis.exceptions
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import ChannelError, OperationalError

from apps.lifecycle.models import Operation

log = logging.getLogger(__name__)

RUN_TASK = "lifecycle.run"
#: What a broker that is away raises, and one that knows no such queue because nothing is in it.
_NOTHING = (OperationalError, ChannelError, OSError, redis.exceptions.RedisError)


def dispatch_on_commit(operation: Operation) -> None:
    """Dispatch the operation when the current transaction commits."""
    operation_id = operation.pk
    transaction.on_commit(lambda: dispatch(operation_id))


def waiting() -> int:
    """Return how many messages no worker has taken yet; 0 when the broker is away or has lost them."""
    try:
        with current_app.connection_or_acquire() as connection:
            queue = connection.default_channel.queue_declare(settings.CELERY_TASK_DEFAULT_QUEUE, passive=True)
            return int(queue.message_count)
    except _NOTHING:
        return 0


def dispatch(operation_id: UUID) -> None:
    """Dispatch now. A broker that is down is no error here: the row is safe and the sweeper dispatches it again."""
    try:
        current_app.send_task(RUN_TASK, args=[str(operation_id)], ignore_result=True, retry=False)
    except OperationalError:
        log.warning("broker unreachable, operation %s waits for the sweeper", operation_id)
