"""What beat asks of uploads and exports."""

from __future__ import annotations

from celery import shared_task

from apps.uploads import exports, services


@shared_task(name="uploads.remove_expired", ignore_result=True)
def remove_expired() -> None:
    """Remove uploads that were given up, exports past their time, and files of neither."""
    services.remove_expired()
    exports.remove_expired()
    services.remove_strays()
