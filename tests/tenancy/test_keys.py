"""API keys: shown once, kept as a hash, limited in scope and time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
from apps.tenancy.keys import find_key
from apps.tenancy.models import ApiKey, User
from apps.tenancy.selectors import visible_keys
from apps.tenancy.services.keys import issue_own_key, revoke_key
from tests.factories import actor_for_user

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-4")]


def _with(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_a_key_opens_the_api_until_it_is_revoked(alice: User) -> None:
    key, token = issue_own_key(actor_for_user(alice), "ci", "write")
    assert _with(token).get("/api/v1/me").json()["username"] == "alice"
    revoke_key(actor_for_user(alice), key)
    assert _with(token).get("/api/v1/me").status_code == 401


def test_a_key_opens_nothing_after_its_time(alice: User) -> None:
    key, token = issue_own_key(actor_for_user(alice), "ci", "read", timezone.now() + timedelta(hours=1))
    assert find_key(token) == key
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_key(token) is None


def test_the_token_is_kept_nowhere(alice: User) -> None:
    _, token = issue_own_key(actor_for_user(alice), "ci", "write")
    secret = token.rsplit("_", 1)[1]
    rows = str(list(ApiKey.objects.values())) + str(list(AuditEntry.objects.values()))
    assert token not in rows and secret not in rows


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "x", lambda t: "", lambda t: "sk_", lambda t: "sk__"]
)
def test_a_token_that_is_almost_right_opens_nothing(alice: User, change: object) -> None:
    _, token = issue_own_key(actor_for_user(alice), "ci", "write")
    assert callable(change) and find_key(change(token)) is None


@pytest.mark.parametrize(
    ("name", "scope", "expires_in", "field"),
    [("", "read", None, "name"), ("ci", "root", None, "scope"), ("ci", "read", -1, "expires_at")],
)
def test_bad_input_names_its_field(
    alice: User, name: str, scope: str, expires_in: int | None, field: str
) -> None:
    expires_at = timezone.now() + timedelta(hours=expires_in) if expires_in else None
    with pytest.raises(Invalid) as refused:
        issue_own_key(actor_for_user(alice), name, scope, expires_at)
    assert list(refused.value.fields) == [field]


def test_a_key_cannot_raise_its_own_rights(alice: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    reading, _ = issue_own_key(actor_for_user(alice), "reading", "read")
    brief, _ = issue_own_key(actor_for_user(alice), "brief", "write", soon)
    with pytest.raises(Forbidden):
        issue_own_key(Actor(user=alice, tenant=alice.tenant, api_key=reading), "more", "write")
    with pytest.raises(Forbidden):
        revoke_key(Actor(user=alice, tenant=alice.tenant, api_key=reading), brief)
    child, _ = issue_own_key(Actor(user=alice, tenant=alice.tenant, api_key=brief), "child", "write")
    assert child.expires_at == soon


def test_an_owner_sees_the_members_keys_and_a_member_only_its_own(alice: User, vera: User, bob: User) -> None:
    issue_own_key(actor_for_user(alice), "a", "read")
    issue_own_key(actor_for_user(vera), "v", "read")

    def seen(user: User) -> set[str]:
        return {key.name for key in visible_keys(actor_for_user(user))}

    assert (seen(alice), seen(vera), seen(bob)) == ({"a", "v"}, {"v"}, set())


def test_reading_does_not_write_the_time_of_use_every_time(alice: User) -> None:
    _, token = issue_own_key(actor_for_user(alice), "ci", "read")
    find_key(token)
    first = ApiKey.objects.get().last_used_at
    find_key(token)
    assert first is not None and ApiKey.objects.get().last_used_at == first
