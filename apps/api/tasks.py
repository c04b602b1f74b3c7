"""Housekeeping."""

from __future__ import annotations

from celery import shared_task

from apps.api.idempotency import forget_old


@shared_task(name="api.forget_idempotency_keys", ignore_result=True)
def forget_idempotency_keys() -> None:
    """Drop kept answers once their keys have expired."""
    forget_old()
