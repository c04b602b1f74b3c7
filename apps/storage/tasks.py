"""What beat, and administrators, ask of the storage side."""

from celery import shared_task

from apps.infrastructure.connection import TASK
from apps.storage import observation, speed_rollout
from apps.storage.copies import follow_copies
from apps.storage.standby import discard_left
from apps.storage.trash import purge_clusters
from apps.storage.unsettled import settle_sizes as settle_unsettled


@shared_task(name="storage.observe", ignore_result=True)
def observe() -> None:
    """Look at every storage cluster."""
    observation.observe_clusters()


@shared_task(name="storage.observe_health", ignore_result=True)
def observe_health() -> None:
    """Look at the clusters that say how they are."""
    observation.observe_health()


@shared_task(name="storage.apply_speed", ignore_result=True)
def apply_speed() -> None:
    """Apply rules for speed to existing disks, where an administrator has requested it."""
    speed_rollout.apply_due_rules()


@shared_task(name=TASK, ignore_result=True)
def check_connection(key: int) -> None:
    """Look at one cluster because somebody wants to know."""
    observation.observe_one(key)


@shared_task(name="storage.finish_copies", ignore_result=True)
def finish_copies() -> None:
    """Follow copies of disks that no operation follows."""
    follow_copies()


@shared_task(name="storage.settle_sizes", ignore_result=True)
def settle_sizes() -> None:
    """Find out whether disks have grown whose expand ended on the way."""
    settle_unsettled()


@shared_task(name="storage.purge", ignore_result=True)
def purge() -> None:
    """Remove for good what was deleted."""
    purge_clusters()


@shared_task(name="storage.discard_left", ignore_result=True)
def discard_disks() -> None:
    """Delete system disks that no VM has any more."""
    discard_left()
