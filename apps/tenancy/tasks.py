"""Chores of accounts."""

from __future__ import annotations

from datetime import timedelta

from axes.models import AccessAttempt
from celery import shared_task
from django.utils import timezone

from apps.tenancy.models import Session

#: A failed log-in is forgotten after this long; it locks for a quarter of an hour only.
KEPT = timedelta(days=1)


@shared_task(name="tenancy.forget_old", ignore_result=True)
def forget_old() -> None:
    """Delete sessions that have ended and failed log-ins that lock nobody any more."""
    now = timezone.now()
    Session.objects.filter(expire_date__lt=now).delete()
    AccessAttempt.objects.filter(attempt_time__lt=now - KEPT).delete()
