"""What beat asks of the store."""

from celery import shared_task
from django.utils import timezone

from apps.metrics import partitions, rollups


@shared_task(name="metrics.roll_up", ignore_result=True)
def roll_up() -> None:
    """Make the coarser resolutions."""
    rollups.roll_up(timezone.now())


@shared_task(name="metrics.keep_up", ignore_result=True)
def keep_up() -> None:
    """Make the partitions of the days to come and drop those past their keeping."""
    partitions.keep_up(timezone.now())
