"""What beat asks of the storage side."""

from celery import shared_task

from apps.storage.observation import observe_clusters


@shared_task(name="storage.observe", ignore_result=True)
def observe() -> None:
    """Look at every storage cluster."""
    observe_clusters()
