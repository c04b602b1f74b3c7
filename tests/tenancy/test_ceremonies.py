"""SE-9: the challenge of one ceremony answers nothing but that ceremony: purpose, user, browser, once, in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import User
from apps.accounts.throttle import checks
from apps.accounts.throttle.rules import Rule
from tests.factories import PASSWORD, page_client
from tests.tenancy.authenticator import Passkey

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("SE-9", "SE-2")]

CONFIRM_OPTIONS, CONFIRM = "/account/confirm/options/", "/account/confirm/passkey/"
ADD_OPTIONS, ADD = "/account/security/passkey/options/", "/account/security/passkey/"
LOG_IN_OPTIONS, LOG_IN = "/login/passkey/options/", "/login/passkey/"


@pytest.fixture(autouse=True)
def no_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every answer be judged: that wrong ones are slowed is another test's subject."""
    monkeypatch.setattr(checks, "account_rule", lambda: Rule(free=1000, memory=3600, step=1, cap=1))


def options(client: Client, path: str) -> dict[str, Any]:
    """Begin a ceremony."""
    answer = client.post(path)
    assert answer.status_code == 200, answer.content
    started: dict[str, Any] = answer.json()
    return started


def make_passkey(user: User) -> Passkey:
    """Give a user a passkey, by the pages."""
    client, made = page_client(user), Passkey()
    answer = client.post(ADD, {"name": "Key", "credential": made.make(options(client, ADD_OPTIONS))})
    assert answer.status_code in (200, 302)
    assert Authenticator.objects.filter(user=user, type="webauthn").exists()
    return made


def who(client: Client) -> str | None:
    """Return who is logged in in a browser."""
    answer = client.get("/api/v1/me")
    return answer.json()["username"] if answer.status_code == 200 else None


def browser(user: User | None, *, first_step: bool = False) -> Client:
    """Return a browser: logged in, after the first step, or neither."""
    if user is None or not first_step:
        return page_client(user)
    client = Client()
    sent = {"username": user.username, "password": PASSWORD}
    assert client.post("/login/", sent)["Location"] == "/login/second-step/"
    return client


def test_confirming_in_ones_own_session_does_not_log_in_as_the_owner_of_a_stolen_key(
    alice: User, bob: User
) -> None:
    """The attack of the report: *confirm* asks for no verification, and its challenge was good for the login."""
    stolen, own = make_passkey(alice), make_passkey(bob)
    attacker = page_client(bob)
    assert own.handle != stolen.handle
    asked = options(attacker, CONFIRM_OPTIONS)
    attacker.post(LOG_IN, {"credential": stolen.show(asked, verified=False)})
    assert who(attacker) == "bob"


def test_a_passkey_alone_logs_in_with_verification_only(alice: User) -> None:
    key, client = make_passkey(alice), Client()
    asked = options(client, LOG_IN_OPTIONS)
    assert asked["publicKey"]["userVerification"] == "required"
    assert client.post(LOG_IN, {"credential": key.show(asked, verified=False)}).status_code == 422
    assert who(client) is None
    answer = client.post(LOG_IN, {"credential": key.show(options(client, LOG_IN_OPTIONS))})
    assert answer["Location"] == "/" and who(client) == "alice"


def test_what_replaces_the_password_or_is_kept_needs_verification_too(alice: User) -> None:
    key, client = make_passkey(alice), page_client(alice)
    asked = options(client, CONFIRM_OPTIONS)
    assert asked["publicKey"]["userVerification"] == "required"
    assert client.post(CONFIRM, {"credential": key.show(asked, verified=False)}).status_code == 422
    asked = options(client, ADD_OPTIONS)
    made = Passkey().make(asked, verified=False)
    assert client.post(ADD, {"name": "Second", "credential": made}).status_code == 422
    assert Authenticator.objects.filter(user=alice, type="webauthn").count() == 1


def test_a_counter_that_stands_still_or_goes_back_is_refused(alice: User) -> None:
    key = make_passkey(alice)
    for count, passes in ((5, True), (5, False), (4, False), (6, True)):
        client, key.count = Client(), count
        client.post(LOG_IN, {"credential": key.show(options(client, LOG_IN_OPTIONS))})
        assert (who(client) == "alice") is passes, count


# -- the table --------------------------------------------------------------------------------------------------------

#: Ceremony → where it begins, and whether the browser stands before the login, between its steps or behind it.
CEREMONIES = {
    "log in": (LOG_IN_OPTIONS, "before"),
    "second step": (LOG_IN_OPTIONS, "between"),
    "confirm": (CONFIRM_OPTIONS, "behind"),
    "add": (ADD_OPTIONS, "behind"),
}
#: The same → where the answer goes.
ENDPOINTS = {"log in": LOG_IN, "second step": LOG_IN, "confirm": CONFIRM, "add": ADD}


def standing(user: User, where: str) -> Client:
    """Return a browser of the user that stands there."""
    return browser(None if where == "before" else user, first_step=where == "between")


def answered(name: str, key: Passkey, asked: dict[str, Any]) -> str:
    """Answer options as the ceremony wants it."""
    return Passkey().make(asked) if name == "add" else key.show(asked)


def passes(client: Client, endpoint: str, answer: str, user: User) -> bool:
    """Whether the endpoint took the answer, by what it changed."""
    before = (who(client), Authenticator.objects.filter(user=user).count())
    response: HttpResponse = client.post(ENDPOINTS[endpoint], {"credential": answer, "name": "New"})
    after = (who(client), Authenticator.objects.filter(user=user).count())
    if endpoint == "confirm":
        return response.status_code == 302
    return before != after


def moved(source: Client, target: Client) -> None:
    """Carry what a browser's session holds of ceremonies into another's, as if one page had started the other's."""
    session = target.session
    for name, value in source.session.items():
        if "ceremon" in name or "webauthn" in name:
            session[name] = value
    session.save()


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("started", CEREMONIES)
def test_only_the_ceremony_that_was_started_is_finished(alice: User, started: str, endpoint: str) -> None:
    key = make_passkey(alice)
    starts, where = CEREMONIES[started]
    first = standing(alice, where)
    asked = options(first, starts)
    # Both kinds of answers to each: what an assertion's challenge is answered with, and a registration's.
    for answer in (_registration(asked, alice), key.show(asked)):
        last = standing(alice, CEREMONIES[endpoint][1])
        moved(first, last)
        right_kind = (started == "add") == ("attestationObject" in answer)
        assert passes(last, endpoint, answer, alice) is (started == endpoint and right_kind)


def _registration(asked: dict[str, Any], user: User) -> str:
    public = asked["publicKey"]
    return Passkey().make({"challenge": public["challenge"], "user": {"id": _handle(user)}})


def _handle(user: User) -> str:
    from fido2.utils import websafe_encode

    return websafe_encode(user.uid.bytes)


@pytest.mark.parametrize("name", CEREMONIES)
def test_an_answer_is_taken_once_in_its_own_browser_and_in_time(alice: User, vera: User, name: str) -> None:
    key = make_passkey(alice)
    others = make_passkey(vera)
    starts, where = CEREMONIES[name]

    def begin() -> tuple[Client, dict[str, Any]]:
        client = standing(alice, where)
        return client, options(client, starts)

    def late() -> bool:
        client, asked = begin()
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
            return passes(client, name, answered(name, key, asked), alice)

    def in_another_browser() -> bool:
        _client, asked = begin()
        other = standing(alice, where)
        options(other, starts)
        return passes(other, name, answered(name, key, asked), alice)

    def of_an_earlier_challenge() -> bool:
        client, asked = begin()
        options(client, starts)
        return passes(client, name, answered(name, key, asked), alice)

    def after_a_failure() -> bool:
        client, asked = begin()
        assert not passes(client, name, "{}", alice)
        return passes(client, name, answered(name, key, asked), alice)

    def started_for_somebody_else() -> bool:
        client, asked = begin()
        other = standing(vera, where)
        moved(client, other)
        return passes(other, name, answered(name, others, asked), vera)

    tries: list[Callable[[], bool]] = [late, in_another_browser, of_an_earlier_challenge, after_a_failure]
    if where != "before":  # before the login nobody is known: the key says who it is
        tries.append(started_for_somebody_else)
    for attempt in tries:
        assert not attempt(), attempt.__name__
    client, asked = begin()
    assert passes(client, name, answered(name, key, asked), alice)
    _last, _again = begin()
    replay = standing(alice, where)
    moved(client, replay)
    assert not passes(replay, name, answered(name, key, asked), alice)
