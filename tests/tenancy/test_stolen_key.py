"""SE-2: with a stolen key nobody becomes its owner. Attacks, as they were tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from rest_framework.test import APIClient

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Session, User
from apps.tenancy.factors.rows import has_second_factor
from apps.tenancy.services.admins import deactivate_admin, reset_admin_password, reset_admin_two_factor
from apps.tenancy.services.members import (
    activate_member,
    deactivate_member,
    reset_member_password,
    reset_member_two_factor,
)
from tests.factories import PASSWORD, actor_for_user, api_client, make_admin, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-2")]

SCOPES = list(ApiKey.Scope.values)


def _with_factor(user: User) -> User:
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    return user


@pytest.mark.parametrize("scope", SCOPES)
def test_it_takes_no_second_factor_and_no_password_of_its_owner(alice: User, scope: str) -> None:
    thief, url = api_client(_with_factor(alice), scope), f"/api/v1/members/{alice.uid}"
    assert thief.post(f"{url}/reset-two-factor").status_code == 403
    reset = thief.post(f"{url}/reset-password")
    assert reset.status_code == 403 and "password" not in reset.json()
    body = {"current": PASSWORD, "new": "another-horse-battery"}
    assert thief.post("/api/v1/account/password", body, format="json").status_code == 403
    assert thief.patch("/api/v1/me", {"email": "thief@example.com"}, format="json").status_code == 403
    alice.refresh_from_db()
    assert has_second_factor(alice) and alice.check_password(PASSWORD) and not alice.email


@pytest.mark.parametrize("scope", SCOPES)
def test_it_makes_nobody_an_owner_a_member_or_an_administrator(
    alice: User, vera: User, ada: User, scope: str
) -> None:
    thief, url = api_client(alice, scope), f"/api/v1/members/{vera.uid}"
    project = thief.get("/api/v1/projects").json()["results"][0]["id"]
    for path, body in (
        (f"{url}/set-owner", {"owner": True}),
        (f"{url}/set-role", {"project": project, "role": "manager"}),
        (f"{url}/reset-password", {}),
        ("/api/v1/members", {"username": "mallory", "project": project, "role": "manager"}),
    ):
        assert thief.post(path, body, format="json").status_code == 403, path
    over, root = api_client(ada, scope), make_admin("root")
    for path, body in (
        ("/api/v1/administrators", {"username": "mallory"}),
        (f"/api/v1/administrators/{root.uid}/reset-password", {}),
        (f"/api/v1/members/{alice.uid}/reset-password", {}),
        (f"/api/v1/members/{vera.uid}/set-owner", {"owner": True}),
        ("/api/v1/tenants", {"name": "mallory", "owner_username": "mallory"}),
    ):
        assert over.post(path, body, format="json").status_code == 403, path
    assert not User.objects.filter(username="mallory").exists()


def test_it_makes_log_ins_no_easier(ada: User) -> None:
    body = {"settings": {"require_admin_two_factor": False, "login_failures": 100}}
    refused = api_client(ada).patch("/api/v1/settings", body, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "key.not_in_person")
    assert api_client(ada).patch(
        "/api/v1/settings", {"settings": {"quota_vm": 5}}, format="json"
    ).status_code in {200, 422}


@pytest.mark.parametrize("action", ["reset-password", "reset-two-factor", "deactivate", "end-sessions"])
def test_bulk_is_no_way_round(alice: User, vera: User, action: str) -> None:
    body = {"action": action, "ids": [str(vera.uid)]}
    assert api_client(alice).post("/api/v1/members/bulk", body, format="json").status_code in {403, 422}
    vera.refresh_from_db()
    assert vera.is_active and vera.check_password(PASSWORD)


def test_a_key_for_accounts_takes_access_away_and_gives_none(alice: User, vera: User) -> None:
    page_client(vera)
    program, url = api_client(alice, "accounts"), f"/api/v1/members/{vera.uid}"
    assert program.post(f"{url}/end-sessions").status_code == 200
    assert not Session.objects.filter(user=vera).exists()
    assert program.post(f"{url}/deactivate").status_code == 200
    assert program.post(f"{url}/activate").json()["code"] == "key.not_in_person"
    assert program.delete(url).status_code == 204


ENDS: list[tuple[str, Callable[[Any, User], object]]] = [
    ("password", reset_member_password),
    ("factors", reset_member_two_factor),
    ("deactivation", deactivate_member),
]


@pytest.mark.parametrize(("what", "end"), ENDS)
def test_a_reset_or_deactivation_ends_keys_and_sessions_for_good(
    alice: User, vera: User, what: str, end: Callable[[Any, User], object]
) -> None:
    browser, (_key, token) = page_client(_with_factor(vera)), issue_key(vera, "stolen", "write", None)
    thief = APIClient()
    thief.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert thief.get("/api/v1/me").status_code == 200
    end(actor_for_user(alice), vera)
    if what == "deactivation":
        activate_member(actor_for_user(alice), vera)
    assert thief.get("/api/v1/me").status_code == 401
    assert browser.get("/account/")["Location"].startswith("/login/")
    assert not ApiKey.objects.filter(user=vera).exists()


@pytest.mark.parametrize("end", [reset_admin_password, reset_admin_two_factor, deactivate_admin])
def test_an_administrators_keys_end_likewise(ada: User, end: Callable[[Any, User], object]) -> None:
    root = _with_factor(make_admin("root"))
    issue_key(root, "stolen", "write", None)
    end(actor_for_user(ada), root)
    assert not ApiKey.objects.filter(user=root).exists()


def test_a_key_opens_nothing_for_who_must_choose_a_password_first(alice: User) -> None:
    program = api_client(alice)
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    refused = program.get("/api/v1/vms")
    assert (refused.status_code, refused.json()["code"]) == (403, "password.must_change")
