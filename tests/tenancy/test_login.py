"""Logging in and out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.tenancy.models import Tenant, User
from tests.factories import PASSWORD, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]

LOGIN = "/login/"
LIMIT = 5


def log_in(client: Client, username: str, password: str = PASSWORD, **extra: Any) -> HttpResponse:
    query = extra.pop("query", "")
    return client.post(
        LOGIN + query, {"username": username, "password": password, **extra.pop("data", {})}, **extra
    )


def _text(response: HttpResponse) -> str:
    return response.content.decode()


def test_the_right_password_lets_in_and_gives_a_new_session(client: Client, alice: User) -> None:
    client.get(LOGIN)
    client.session["planted"] = "by someone else"
    session = client.session
    session.save()
    before = session.session_key
    response = log_in(client, "Alice")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session.session_key != before
    assert client.get("/api/v1/me").json()["username"] == "alice"


def test_log_in_failure_and_log_out_are_in_the_log_of_the_tenant(
    client: Client, alice: User, tenant_a: Tenant
) -> None:
    log_in(client, "alice", "wrong", REMOTE_ADDR="198.51.100.9")
    log_in(client, "alice", REMOTE_ADDR="198.51.100.9")
    client.post("/logout/", REMOTE_ADDR="198.51.100.9")
    rows = AuditEntry.objects.order_by("pk").values_list("verb", "tenant", "target_name", "ip", "outcome")
    assert list(rows) == [
        ("account.log_in_failed", tenant_a.pk, "alice", "198.51.100.9", "login.failed"),
        ("account.log_in", tenant_a.pk, "alice", "198.51.100.9", "done"),
        ("account.log_out", tenant_a.pk, "alice", "198.51.100.9", "done"),
    ]


def test_a_password_typed_as_a_name_is_not_kept(client: Client, db: None) -> None:
    log_in(client, "my-secret-password", "x")
    assert "my-secret-password" not in str(list(AuditEntry.objects.values()))
    assert "my-secret-password" not in str(list(AccessAttempt.objects.values("post_data", "get_data")))


def test_wrong_name_wrong_password_inactive_and_disabled_get_the_same_answer(
    client: Client, alice: User, vera: User, bob: User, tenant_b: Tenant
) -> None:
    User.objects.filter(pk=vera.pk).update(is_active=False)
    Tenant.objects.filter(pk=tenant_b.pk).update(enabled=False)
    answers = {
        (response.status_code, "User name or password is wrong." in _text(response))
        for response in (
            log_in(client, "nobody"),
            log_in(client, "alice", "wrong"),
            log_in(client, "vera"),
            log_in(client, "bob"),
        )
    }
    assert answers == {(200, True)}


def test_repeated_failures_lock_and_say_until_when(client: Client, alice: User) -> None:
    for _ in range(LIMIT - 1):
        assert log_in(client, "alice", "wrong").status_code == 200
    assert log_in(client, "alice", "wrong").status_code == 429
    locked = log_in(client, "alice")
    assert locked.status_code == 429
    last = AccessAttempt.objects.get().attempt_time
    assert f"{timezone.localtime(last + timedelta(minutes=15)):%H:%M:%S}" in _text(locked)
    assert not client.session.get("_auth_user_id")


def test_tries_while_locked_do_not_prolong_the_lock(client: Client, alice: User) -> None:
    for _ in range(LIMIT):
        log_in(client, "alice", "wrong")
    last = AccessAttempt.objects.get().attempt_time
    assert log_in(client, "alice", "wrong").status_code == 429
    assert AccessAttempt.objects.get().attempt_time == last
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=15, seconds=1))
    assert log_in(client, "alice").status_code == 302


def test_names_that_do_not_exist_are_locked_in_the_same_way(client: Client, db: None) -> None:
    statuses = [log_in(client, "nobody", "wrong").status_code for _ in range(LIMIT + 1)]
    assert statuses == [200] * (LIMIT - 1) + [429, 429]


def test_another_address_and_another_name_are_not_locked(client: Client, alice: User, bob: User) -> None:
    for _ in range(LIMIT):
        log_in(client, "alice", "wrong", REMOTE_ADDR="198.51.100.9")
    assert log_in(client, "bob", REMOTE_ADDR="198.51.100.9").status_code == 302
    assert log_in(Client(), "alice", REMOTE_ADDR="198.51.100.10").status_code == 302


def test_a_forged_address_does_not_escape_the_lock(client: Client, alice: User) -> None:
    for number in range(LIMIT):
        log_in(client, "alice", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert log_in(client, "alice", HTTP_X_FORWARDED_FOR="203.0.113.99").status_code == 429


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        ("/members/", "/members/"),
        ("https://evil.test/", "/"),
        ("//evil.test/", "/"),
        ("javascript:alert(1)", "/"),
        ("/\\evil.test", "/"),
    ],
)
def test_next_leads_nowhere_else(client: Client, alice: User, wanted: str, reached: str) -> None:
    assert log_in(client, "alice", data={"next": wanted})["Location"] == reached


def test_logging_out_needs_a_post(alice: User) -> None:
    client = page_client(alice)
    assert client.get("/logout/").status_code == 405
    assert client.get("/api/v1/me").status_code == 200
    assert client.post("/logout/")["Location"] == LOGIN
    assert client.get("/api/v1/me").status_code == 401


def test_the_log_in_form_wants_its_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert log_in(client, "alice").status_code == 403
    token = client.get(LOGIN).context["csrf_token"]
    assert log_in(client, "alice", data={"csrfmiddlewaretoken": str(token)}).status_code == 302
