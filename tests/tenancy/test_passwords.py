"""Changing one's own password."""

from __future__ import annotations

import pytest

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
from apps.tenancy.models import User
from apps.tenancy.services.passwords import change_own_password
from tests.factories import PASSWORD, actor_for_user, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]
NEW = "a-quite-different-one"


def test_a_new_password_ends_all_sessions_made_with_the_old_one(alice: User) -> None:
    elsewhere = page_client(alice)
    User.objects.update(must_change_password=True)
    change_own_password(actor_for_user(alice), PASSWORD, NEW)
    alice.refresh_from_db()
    assert alice.check_password(NEW) and not alice.must_change_password
    assert elsewhere.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW, "current"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "1234", "new"),
        (PASSWORD, "password123", "new"),
    ],
)
def test_a_bad_try_names_its_field_and_changes_nothing(
    alice: User, current: str, new: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        change_own_password(actor_for_user(alice), current, new)
    assert list(refused.value.fields) == [field]
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_nobody_has_no_password_to_change(db: None) -> None:
    with pytest.raises(Forbidden):
        change_own_password(Actor(user=None), PASSWORD, NEW)
