"""What is forgotten: sessions that have ended, failed log-ins that lock nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.utils import timezone

from apps.tenancy.models import Session, User
from apps.tenancy.tasks import forget_old
from tests.factories import page_client


@pytest.mark.django_db
def test_only_what_has_no_effect_any_more_is_forgotten(alice: User, bob: User) -> None:
    page_client(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    page_client(bob)
    for hours in (1, 25):
        AccessAttempt.objects.create(
            username="alice",
            ip_address=f"192.0.2.{hours}",
            user_agent="",
            attempt_time=timezone.now() - timedelta(hours=hours),
            failures_since_start=5,
        )
    AccessAttempt.objects.filter(ip_address="192.0.2.25").update(
        attempt_time=timezone.now() - timedelta(hours=25)
    )
    forget_old()
    assert Session.objects.get().get_decoded()["_auth_user_id"] == str(bob.pk)
    assert AccessAttempt.objects.get().ip_address == "192.0.2.1"
