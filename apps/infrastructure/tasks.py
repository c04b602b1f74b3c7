"""What beat asks of the physical side."""

from celery import shared_task

from apps.infrastructure.reports import collect


@shared_task(name="infrastructure.collect_reports", ignore_result=True)
def collect_reports() -> None:
    """Take in what hosts reported."""
    collect()
