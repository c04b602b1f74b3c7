"""What is forgotten: sessions that have ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Session, User
from apps.accounts.tasks import forget_old
from tests.factories import page_client


@pytest.mark.django_db
def test_only_what_has_no_effect_any_more_is_forgotten(alice: User, bob: User) -> None:
    page_client(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    page_client(bob)
    forget_old()
    assert Session.objects.get().get_decoded()["_auth_user_id"] == str(bob.pk)
