"""What beat asks of quotas."""

from celery import shared_task

from apps.quotas.recount import recount_some


@shared_task(name="quotas.recount", ignore_result=True)
def recount() -> None:
    """Compare some tenants' counted usage with existing resources, and correct it."""
    recount_some()
