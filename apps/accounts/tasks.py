"""Chores of accounts."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apps.accounts.models import Session


@shared_task(name="tenancy.forget_old", ignore_result=True)
def forget_old() -> None:
    """Delete sessions that have ended. Counters of failed logins end by themselves."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
