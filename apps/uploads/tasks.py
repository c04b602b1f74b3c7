"""What beat asks of uploads."""

from __future__ import annotations

from celery import shared_task

from apps.uploads.services import remove_expired


@shared_task(name="uploads.remove_expired", ignore_result=True)
def remove_expired_uploads() -> None:
    """Remove uploads that were given up."""
    remove_expired()
