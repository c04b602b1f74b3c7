"""Telling a worker that there is something to claim. Losing a ring loses nothing: the sweeper rings again."""

from __future__ import annotations

import logging
from uuid import UUID

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.lifecycle.models import Operation

log = logging.getLogger(__name__)

RUN_TASK = "lifecycle.run"


def ring_on_commit(operation: Operation) -> None:
    """Ring for the operation when the present transaction commits."""
    operation_id = operation.pk
    transaction.on_commit(lambda: ring(operation_id))


def ring(operation_id: UUID) -> None:
    """Ring now. A broker that is down is no error here: the row is safe and the sweeper will ring."""
    try:
        current_app.send_task(RUN_TASK, args=[str(operation_id)], ignore_result=True, retry=False)
    except OperationalError:
        log.warning("broker unreachable, operation %s waits for the sweeper", operation_id)
