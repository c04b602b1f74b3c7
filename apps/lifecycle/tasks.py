"""Celery's side of the engine: ids in, nothing out."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from apps.lifecycle import batches, idempotency
from apps.lifecycle.dispatch import RUN_TASK
from apps.lifecycle.engine import execute
from apps.lifecycle.sweep import sweep


@shared_task(name=RUN_TASK, ignore_result=True)
def run_operation(operation_id: str) -> None:
    """Carry out one operation, if it is still to be had."""
    execute(UUID(operation_id))


@shared_task(name="lifecycle.sweep", ignore_result=True)
def sweep_operations() -> None:
    """Dispatch again what was dropped; runs every few seconds, any number of times at once."""
    sweep()


@shared_task(name="lifecycle.forget_batches", ignore_result=True)
def forget_batches() -> None:
    """Drop the outcomes of bulk actions nobody will look at any more."""
    batches.forget_old()


@shared_task(name="lifecycle.forget_idempotency_keys", ignore_result=True)
def forget_idempotency_keys() -> None:
    """Drop kept answers once their keys have expired."""
    idempotency.forget_old()
