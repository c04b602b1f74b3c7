"""API keys: shown once, kept as a hash, limited in scope and time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.keys import find_key
from apps.accounts.models import ApiKey, User
from apps.accounts.selectors import visible_keys
from apps.audit.models import AuditEntry
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
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


def _as(key: ApiKey) -> Actor:
    return Actor(user=key.user, tenant=key.user.tenant, via="api", api_key=key)


@pytest.mark.parametrize("scope", ["read", "operate", "write"])
def test_a_key_for_resources_makes_and_revokes_no_key(alice: User, scope: str) -> None:
    key, _ = issue_own_key(actor_for_user(alice), "program", scope)
    with pytest.raises(Forbidden):
        issue_own_key(_as(key), "more", "read")
    with pytest.raises(Forbidden):
        revoke_key(_as(key), key)


def test_a_key_made_with_a_key_is_not_wider_and_lives_no_longer(alice: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    parent, _ = issue_own_key(actor_for_user(alice), "brief", "accounts", soon)
    for asked in (None, soon + timedelta(days=1)):
        child, _ = issue_own_key(_as(parent), "child", "write", asked)
        assert (child.parent, child.expires_at) == (parent, soon)
    with pytest.raises(Invalid) as refused:
        issue_own_key(_as(parent), "wider", "accounts")
    assert list(refused.value.fields) == ["scope"]


@pytest.mark.requirement("SE-2")
def test_a_key_made_with_a_key_dies_with_it(alice: User) -> None:
    parent, _ = issue_own_key(actor_for_user(alice), "parent", "accounts")
    _child, token = issue_own_key(_as(parent), "child", "write")
    assert _with(token).get("/api/v1/me").status_code == 200
    revoke_key(actor_for_user(alice), parent)
    assert _with(token).get("/api/v1/me").status_code == 401
    revoked = AuditEntry.objects.filter(verb="api_key.revoke").values_list("target_name", flat=True)
    assert sorted(revoked) == ["child", "parent"]


@pytest.mark.requirement("SE-2")
def test_a_revoked_key_that_is_still_being_answered_makes_no_other(alice: User) -> None:
    parent, _ = issue_own_key(actor_for_user(alice), "parent", "accounts")
    slow = _as(ApiKey.objects.select_related("user__tenant").get(pk=parent.pk))
    revoke_key(actor_for_user(alice), parent)
    with pytest.raises(Forbidden):
        issue_own_key(slow, "late", "read")
    assert not ApiKey.objects.exists()


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
