"""Logging in and out."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import Tenant, User
from apps.audit.models import AuditEntry
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


def test_wrong_name_wrong_password_inactive_and_disabled_get_the_same_answer(
    client: Client, alice: User, vera: User, bob: User, tenant_b: Tenant
) -> None:
    User.objects.filter(pk=vera.pk).update(is_active=False)
    Tenant.objects.filter(pk=tenant_b.pk).update(enabled=False)
    answers = {
        (response.status_code, "Incorrect username or password." in _text(response))
        for response in (
            log_in(client, "nobody"),
            log_in(client, "alice", "wrong"),
            log_in(client, "vera"),
            log_in(client, "bob"),
        )
    }
    assert answers == {(200, True)}


def test_a_forged_address_does_not_escape_the_delay(client: Client, alice: User) -> None:
    for number in range(LIMIT):
        log_in(client, "alice", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.{number}.1")
    assert log_in(client, "alice", HTTP_X_FORWARDED_FOR="203.0.113.99").status_code == 429


@pytest.mark.parametrize("name", ["Alice", " alice "])
def test_names_are_taken_in_any_case_and_without_blanks_around(
    client: Client, alice: User, name: str
) -> None:
    assert log_in(client, name).status_code == 302


@pytest.mark.requirement("SE-2")
@pytest.mark.parametrize("name", ["\uff41lice", "alic\u1d49", "ali\u217de", "\u212aim", "\u017ftefan"])
def test_a_name_that_only_looks_like_it_is_not_it(client: Client, alice: User, name: str) -> None:
    for other in ("kim", "stefan"):
        User.objects.create(username=other, password=alice.password, tenant=alice.tenant)
    assert log_in(client, name).status_code == 200
    assert not client.session.get("_auth_user_id")


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
