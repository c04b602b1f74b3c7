"""What beat asks of the storage side."""

from celery import shared_task

from apps.storage.observation import observe_clusters
from apps.storage.trash import purge_clusters


@shared_task(name="storage.observe", ignore_result=True)
def observe() -> None:
    """Look at every storage cluster."""
    observe_clusters()


@shared_task(name="storage.purge", ignore_result=True)
def purge() -> None:
    """Remove for good what was deleted."""
    purge_clusters()
