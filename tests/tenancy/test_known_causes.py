"""OP-4: a cause that is known is said, with the next step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from apps.accounts.keys import issue_key
from apps.accounts.models import User
from apps.accounts.platform_settings import REQUIRE_ADMIN_TWO_FACTOR
from apps.lifecycle.errors import Invalid
from apps.tenancy.factors.codes import new_secret
from apps.tenancy.services.factors import add_app
from tests.factories import actor_for_user, api_client, page_client, session_client
from tests.tenancy.test_two_factor import SECOND, app_code, first_step, secret

__all__ = ["secret"]

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-4")]

AT_AN_ADDRESS = ["192.0.2.7", "192.0.2.7:8000", "[2001:db8::7]:8000", "[2001:db8::7]"]


@pytest.fixture
def fresh(alice: User) -> User:
    alice.must_change_password = True
    alice.save(update_fields=["must_change_password"])
    return alice


@pytest.mark.parametrize("path", ["projects", "vms", "members", "audit"])
def test_the_api_says_that_a_new_password_comes_first(fresh: User, path: str) -> None:
    for client in (session_client(fresh), api_client(fresh)):
        for answer in (client.get(f"/api/v1/{path}"), client.post(f"/api/v1/{path}", {}, format="json")):
            told = answer.json()
            assert (answer.status_code, told["code"]) == (403, "password.must_change")
            assert told["title"] == "Set a new password first." and "Security" in told["hint"]


def test_the_api_says_that_a_second_factor_comes_first(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(REQUIRE_ADMIN_TWO_FACTOR), "value", lambda setting: True)
    client = page_client(ada)
    session = client.session
    session["must_enrol"] = True
    session.save()
    answer = client.get("/api/v1/tenants")
    assert (answer.status_code, answer.json()["code"]) == (403, "two_factor.must_set_up")
    assert answer.json()["title"] == "Set up a second factor first."


@pytest.mark.parametrize("host", AT_AN_ADDRESS)
def test_at_an_ip_address_passkeys_say_that_they_need_a_host_name(
    alice: User, settings: object, host: str
) -> None:
    settings.ALLOWED_HOSTS = ["*"]  # type: ignore[attr-defined]
    client = page_client(alice)
    page = client.get("/account/security/passkey/", HTTP_HOST=host).content.decode()
    assert "Passkeys need a hostname" in page and "data-passkey-button" in page
    assert 'data-passkey="create"' not in page
    for path in (
        "/account/security/passkey/options/",
        "/account/confirm/options/",
        "/login/passkey/options/",
    ):
        answer = client.post(path, HTTP_HOST=host)
        assert (answer.status_code, answer.json()["code"]) == (409, "passkey.needs_host_name"), path
        assert "Passkeys need a hostname" in answer.json()["title"]
    assert client.post("/account/security/passkey/options/").status_code == 200


@pytest.mark.parametrize(("steps", "said"), [(-20, "10 min slow"), (20, "10 min fast"), (200, "is wrong")])
def test_a_first_code_of_a_wrong_clock_says_how_wrong_it_is(alice: User, steps: int, said: str) -> None:
    secret = new_secret()
    with pytest.raises(Invalid) as refused:
        add_app(actor_for_user(alice), secret, app_code(secret, steps))
    assert said in refused.value.fields["code"][0]


@pytest.mark.parametrize(("steps", "said"), [(-20, "has expired"), (20, "is wrong"), (-200, "is wrong")])
def test_a_code_of_some_minutes_ago_has_expired_and_one_to_come_is_not_told(
    client: Client, alice: User, secret: str, steps: int, said: str
) -> None:
    first_step(client)
    answer = client.post(SECOND, {"code": app_code(secret, steps)})
    assert answer.status_code == 422 and said in answer.content.decode()


def test_a_log_in_form_says_whether_it_expired_or_cookies_are_off_or_it_came_from_elsewhere() -> None:
    client = Client(enforce_csrf_checks=True)
    sent = {"username": "alice", "password": "x", "csrfmiddlewaretoken": "y" * 64}
    assert "Allow cookies for this site" in client.post("/login/", sent).content.decode()
    client.get("/login/")
    assert "The form has expired" in client.post("/login/", sent).content.decode()
    answer = client.post("/login/", sent, headers={"origin": "https://elsewhere.example"})
    assert "sent from another address: https://elsewhere.example" in answer.content.decode()


def test_a_second_step_that_comes_too_late_says_so(client: Client, alice: User, secret: str) -> None:
    first_step(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=10, seconds=5)):
        answer = client.post(SECOND, {"code": app_code(secret)})
    assert answer.status_code == 422 and "longer than 10 minutes" in answer.content.decode()


def test_an_expired_key_says_when_it_expired_to_its_holder_only(alice: User) -> None:
    ended = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    _key, token = issue_key(alice, "ci", "read", ended)
    client = Client()
    told = client.get("/api/v1/vms", headers={"authorization": f"Bearer {token}"})
    assert told.status_code == 401 and "expired on 2026-01-02T03:04:00+00:00" in told.json()["title"]
    told = client.get("/api/v1/vms", headers={"authorization": f"Bearer {token}x"})
    assert "unknown or has been revoked" in told.json()["title"]
