"""Platform admins."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from apps.accounts.selectors import visible_admins
from apps.lifecycle.errors import Forbidden, NotFound, NotNow
from apps.tenancy.services import admins
from tests.factories import actor_for_user, make_admin, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def test_an_admin_makes_another_who_belongs_to_no_tenant(ada: User) -> None:
    user, password = admins.create_admin(actor_for_user(ada), "abel")
    assert user.is_platform_admin and user.tenant is None and user.check_password(password)
    assert set(visible_admins(actor_for_user(user))) == {ada, user}


def test_tenants_neither_see_nor_make_admins(alice: User, ada: User) -> None:
    assert not visible_admins(actor_for_user(alice)).exists()
    with pytest.raises(Forbidden):
        admins.create_admin(actor_for_user(alice), "abel")


def test_the_last_active_admin_stays(ada: User) -> None:
    second = make_admin()
    admins.deactivate_admin(actor_for_user(ada), second)
    for refused in (admins.deactivate_admin, admins.remove_admin):
        with pytest.raises(NotNow):
            refused(actor_for_user(ada), ada)
    admins.activate_admin(actor_for_user(ada), second)
    admins.remove_admin(actor_for_user(second), ada)


def test_an_admins_sessions_end_when_deactivated_or_reset(ada: User) -> None:
    for end in (admins.deactivate_admin, admins.reset_admin_password):
        browser = page_client(second := make_admin())
        assert browser.get("/api/v1/me").status_code == 200
        end(actor_for_user(ada), second)
        assert browser.get("/api/v1/me").status_code == 401


def test_a_tenants_user_is_no_admin_to_be_managed(ada: User, alice: User) -> None:
    with pytest.raises(NotFound):
        admins.remove_admin(actor_for_user(ada), alice)
