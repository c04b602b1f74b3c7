"""SE-2: second factors. Passkeys themselves are tried with a virtual authenticator in tests/browser/test_account.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import time
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.test import Client

from apps.accounts.models import Session, User
from apps.accounts.recent_proof import NotRecent
from apps.audit.models import AuditEntry
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid, NotNow
from apps.settings_pages.services import change_settings
from apps.tenancy.factors.codes import APP, RECOVERY, new_secret, use_code
from apps.tenancy.factors.rows import factors_of, has_second_factor
from apps.tenancy.services.factors import add_app, make_recovery_codes, remove_app
from apps.tenancy.services.keys import issue_own_key
from apps.tenancy.services.members import reset_member_two_factor
from tests.factories import PASSWORD, actor_for_user, page_client, session_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-2")]

SECOND = "/login/second-step/"
LIMIT = 5


def app_code(secret: str, steps: int = 0) -> str:
    """Compute what an authenticator app shows (RFC 6238, SHA-1, 6 digits, 30 s), `steps` steps from now."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def secret(alice: User) -> str:
    """Alice's authenticator app, set up a while ago."""
    secret = new_secret()
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=10)):
        add_app(actor_for_user(alice), secret, app_code(secret))
    return secret


def first_step(client: Client, **extra: str) -> None:
    response = client.post("/login/", {"username": "alice", "password": PASSWORD}, **extra)
    assert response["Location"] == SECOND


def is_in(client: Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def test_the_password_alone_logs_nobody_in(client: Client, alice: User, secret: str) -> None:
    first_step(client)
    assert "_auth_user_id" not in client.session
    assert client.get("/api/v1/me").status_code == 401
    assert client.get("/members/")["Location"].startswith("/login/")
    assert client.post("/account/security/app/remove/")["Location"].startswith("/login/")
    assert not Session.objects.filter(user=alice).exists()


def test_the_code_of_the_app_does(client: Client, alice: User, secret: str) -> None:
    client.post("/login/?next=/members/", {"username": "alice", "password": PASSWORD, "next": "/members/"})
    before = client.session.session_key
    assert client.post(SECOND, {"code": app_code(secret)})["Location"] == "/members/"
    assert is_in(client) and client.session.session_key != before
    entry = AuditEntry.objects.get(verb="account.log_in")
    assert entry.args == {"method": "password+app"} and entry.user == alice


def test_a_code_opens_once_only_and_not_after_a_later_one(alice: User, secret: str) -> None:
    now, later = app_code(secret), app_code(secret, 1)
    assert use_code(alice, now) == APP
    assert use_code(alice, now) == ""
    assert use_code(alice, later) == APP
    assert use_code(alice, later) == ""


def test_the_code_that_set_the_app_up_does_not_log_in(client: Client, alice: User) -> None:
    secret = new_secret()
    code = app_code(secret)
    add_app(actor_for_user(alice), secret, code)
    first_step(client)
    assert client.post(SECOND, {"code": code}).status_code == 422
    assert not is_in(client)


@pytest.mark.parametrize("steps", [-3, 3])
def test_a_code_of_another_time_opens_nothing(alice: User, secret: str, steps: int) -> None:
    assert use_code(alice, app_code(secret, steps)) == ""


def test_recovery_codes_open_once_each(client: Client, alice: User, secret: str) -> None:
    codes = make_recovery_codes(actor_for_user(alice))
    assert len(set(codes)) == 10
    first_step(client)
    typed = f"{codes[0][:5]}-{codes[0][5:]}"
    assert client.post(SECOND, {"code": typed})["Location"] == "/"
    assert factors_of(alice).codes_left == 9
    assert use_code(alice, codes[0]) == "" and use_code(alice, codes[1]) == RECOVERY


def test_new_recovery_codes_void_the_old_ones(alice: User, secret: str) -> None:
    old = make_recovery_codes(actor_for_user(alice))
    new = make_recovery_codes(actor_for_user(alice))
    assert use_code(alice, old[0]) == "" and use_code(alice, new[0]) == RECOVERY


def test_wrong_codes_delay_like_wrong_passwords(client: Client, alice: User, secret: str) -> None:
    first_step(client)
    statuses = [client.post(SECOND, {"code": "000000"}).status_code for _ in range(LIMIT + 1)]
    assert statuses == [422] * LIMIT + [429]
    assert client.post(SECOND, {"code": app_code(secret)}).status_code == 429
    assert not is_in(client)
    # The right password again does not give new tries: it has to wait as well.
    assert client.post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 429
    failed = AuditEntry.objects.filter(verb="account.log_in_failed", outcome="login.second_step_failed")
    assert failed.count() == LIMIT


def test_the_right_password_between_wrong_codes_gives_no_new_tries(
    client: Client, alice: User, secret: str
) -> None:
    for _ in range(LIMIT):
        first_step(client)
        assert client.post(SECOND, {"code": "000000"}).status_code == 422
    assert client.post("/login/", {"username": "alice", "password": PASSWORD}).status_code == 429
    assert client.post(SECOND, {"code": "000000"}).status_code == 429


def test_what_somebody_began_who_never_logged_in_does_not_stay(
    client: Client, alice: User, secret: str
) -> None:
    first_step(client)
    Client().post("/login/passkey/options/")
    kept = [row.expire_date - datetime.now(UTC) for row in Session.objects.filter(user=None)]
    assert len(kept) == 2 and max(kept) <= timedelta(minutes=10)
    client.post(SECOND, {"code": app_code(secret)})
    assert Session.objects.get(user=alice).expire_date - datetime.now(UTC) > timedelta(days=1)


def test_the_second_step_must_follow_soon(client: Client, alice: User, secret: str) -> None:
    first_step(client)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11)):
        answer = client.post(SECOND, {"code": app_code(secret)})
    assert answer.status_code == 422 and "longer than 10 minutes" in answer.content.decode()
    assert not is_in(client)


@pytest.mark.parametrize("change", ["password", "inactive", "disabled"])
def test_what_changes_between_the_steps_counts(client: Client, alice: User, secret: str, change: str) -> None:
    first_step(client)
    if change == "password":
        alice.set_password("another-horse-battery")
    alice.is_active = change != "inactive"
    alice.save()
    assert alice.tenant is not None
    alice.tenant.enabled = change != "disabled"
    alice.tenant.save()
    assert "Log in again" in client.post(SECOND, {"code": app_code(secret)}).content.decode()
    assert not is_in(client)


def test_somebody_elses_code_does_not_help(client: Client, alice: User, bob: User, secret: str) -> None:
    other = new_secret()
    with time_machine.travel(datetime.now(UTC) - timedelta(minutes=10)):
        add_app(actor_for_user(bob), other, app_code(other))
    first_step(client)
    assert client.post(SECOND, {"code": app_code(other)}).status_code == 422


def test_secrets_are_kept_sealed_and_nowhere_else(alice: User) -> None:
    client = page_client(alice)
    page = client.get("/account/security/app/")
    secret = page.context["secret_plain"]
    assert secret not in str([row.get_decoded() for row in Session.objects.all()])
    done = client.post("/account/security/app/", {"code": app_code(secret)})
    codes = re.findall(r"\d{5}-\d{5}", done.content.decode())
    assert len(set(codes)) == 10 and done["Cache-Control"] == page["Cache-Control"] == "no-store"
    rows = str(list(Authenticator.objects.values())) + str(list(AuditEntry.objects.values()))
    rows += str([row.get_decoded() for row in Session.objects.all()])
    for hidden in (secret, *codes, *(code.replace("-", "") for code in codes)):
        assert hidden not in rows
    assert client.get("/account/security/").content.decode().count("10 codes left") == 1


def test_what_was_typed_as_a_code_is_not_kept(client: Client, alice: User, secret: str) -> None:
    first_step(client)
    client.post(SECOND, {"code": "12345-67890"})
    assert "67890" not in str(list(AuditEntry.objects.values()))


def test_a_wrong_first_code_sets_nothing_up(alice: User) -> None:
    with pytest.raises(Invalid) as refused:
        add_app(actor_for_user(alice), new_secret(), "000000")
    assert list(refused.value.fields) == ["code"] and not has_second_factor(alice)


def test_without_the_last_factor_recovery_codes_go_too(client: Client, alice: User, secret: str) -> None:
    remove_app(actor_for_user(alice))
    assert not Authenticator.objects.exists()
    assert client.post("/login/", {"username": "alice", "password": PASSWORD})["Location"] == "/"


def test_an_api_key_cannot_change_factors(alice: User, secret: str) -> None:
    key, _token = issue_own_key(actor_for_user(alice), "ci", "read")
    with pytest.raises(Forbidden):
        remove_app(Actor(user=alice, tenant=alice.tenant, api_key=key))
    assert has_second_factor(alice)


def test_an_owner_resets_a_members_factors_and_it_is_in_the_log(alice: User, vera: User, bob: User) -> None:
    secret = new_secret()
    add_app(actor_for_user(vera), secret, app_code(secret))
    browser = page_client(vera)
    with pytest.raises(Forbidden):
        reset_member_two_factor(actor_for_user(bob), vera)
    assert session_client(alice).post(f"/api/v1/members/{vera.uid}/reset-two-factor").status_code == 200
    assert not has_second_factor(vera) and not is_in(browser)
    entry = AuditEntry.objects.get(verb="member.reset_two_factor")
    assert (entry.user, entry.target_name) == (alice, "vera")
    with pytest.raises(NotNow):
        reset_member_two_factor(actor_for_user(alice), vera)


def test_administrators_without_a_factor_are_led_to_one_when_it_is_needed(client: Client, ada: User) -> None:
    change_settings(actor_for_user(ada), {"require_admin_two_factor": True})
    client.post("/login/", {"username": "ada", "password": PASSWORD})
    for path in ("/admin/", "/admin/tenants/", "/admin/account/sessions/"):
        assert client.get(path)["Location"] == "/admin/account/security/"
    assert client.get("/api/v1/tenants").status_code == 403
    assert "Set up two-factor authentication first" in client.get("/admin/account/security/").content.decode()
    secret = client.get("/admin/account/security/app/").context["secret_plain"]
    assert client.post("/admin/account/security/app/", {"code": app_code(secret)}).status_code == 200
    assert client.get("/admin/tenants/").status_code == 200


def test_tenants_are_not_held_up_by_that(client: Client, ada: User, alice: User) -> None:
    change_settings(actor_for_user(ada), {"require_admin_two_factor": True})
    client.post("/login/", {"username": "alice", "password": PASSWORD})
    assert client.get("/members/").status_code == 200


# -- proving it again -----------------------------------------------------------------------------------------------

LATER = timedelta(minutes=16)
SENSITIVE = ("/account/security/app/", "/account/security/passkey/", "/api-keys/create/")


@pytest.mark.parametrize("path", SENSITIVE)
def test_after_a_quarter_of_an_hour_it_must_be_proved_again(alice: User, path: str) -> None:
    client = page_client(alice)
    assert client.get(path).status_code == 200
    with time_machine.travel(datetime.now(UTC) + LATER):
        led = client.get(path)["Location"]
        assert led.startswith("/account/confirm/?next=")
        assert client.post(led, {"password": "wrong", "next": path}).status_code == 422
        assert client.get(path)["Location"] == led
        assert client.post(led, {"password": PASSWORD, "next": path})["Location"] == path
        assert client.get(path).status_code == 200


def test_a_form_sent_late_is_led_there_too(alice: User, secret: str) -> None:
    client = page_client(alice)
    with time_machine.travel(datetime.now(UTC) + LATER):
        assert client.post("/account/security/app/remove/")["Location"].startswith("/account/confirm/")
    assert has_second_factor(alice)


def test_a_session_that_is_not_recent_makes_no_api_key_through_the_api_either(alice: User) -> None:
    client = page_client(alice)
    body = json.dumps({"name": "ci", "scope": "write"})
    with time_machine.travel(datetime.now(UTC) + LATER):
        refused = client.post("/api/v1/api-keys", body, content_type="application/json")
    assert refused.status_code == 403 and refused.json()["code"] == "login.not_recent"
    assert client.post("/api/v1/api-keys", body, content_type="application/json").status_code == 201


def test_confirming_leads_nowhere_else_and_wrong_passwords_delay(alice: User) -> None:
    client = page_client(alice)
    sent = {"password": PASSWORD, "next": "https://evil.test/"}
    assert client.post("/account/confirm/", sent)["Location"] == "/account/security/"
    sent["password"] = "wrong"
    statuses = [client.post("/account/confirm/", sent).status_code for _ in range(LIMIT + 1)]
    assert statuses == [422] * LIMIT + [429]


def test_services_ask_for_it_themselves(alice: User) -> None:
    late = Actor(user=alice, tenant=alice.tenant, recent=False)
    for attempt in (
        lambda: add_app(late, new_secret(), "000000"),
        lambda: make_recovery_codes(late),
        lambda: issue_own_key(late, "ci", "read"),
    ):
        with pytest.raises(NotRecent):
            attempt()
