"""SE-9: every check of a secret goes through the throttle: found by reading the code, tried at every endpoint."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.test import Client

from apps.accounts.models import User
from apps.accounts.throttle import checks
from apps.accounts.throttle.rules import Rule
from apps.audit.models import AuditEntry
from apps.tenancy.factors.codes import new_secret
from apps.tenancy.services.factors import add_app
from tests.factories import PASSWORD, actor_for_user, page_client
from tests.tenancy.test_ceremonies import make_passkey
from tests.tenancy.test_two_factor import app_code

pytestmark = [pytest.mark.requirement("SE-9")]

ROOT = Path(__file__).resolve().parents[2]
#: Functions that judge a secret. A new one is added here, and used inside `check_secret` only.
JUDGES = {
    "check_password",
    "acheck_password",
    "authenticate",
    "aauthenticate",
    "use_code",
    "validate_code",
    "judge_passkey",
    "authenticate_complete",
    "compare_digest",
    "constant_time_compare",
    "compare_user_code",
    "find_key",
    "challenge",
}
THROTTLES = {"check_secret"}
#: Where one is called outside: file and function → why.
OUTSIDE = {
    ("apps/tenancy/factors/codes.py", "fitting_counter"): "part of use_code; and the first code of a new app",
    ("apps/tenancy/factors/codes.py", "use_code"): "is a judge",
    ("apps/tenancy/factors/passkeys.py", "judge_passkey"): "is a judge",
    ("apps/accounts/keys.py", "find_key"): "is a judge",
    ("apps/accounts/keys.py", "expired_at"): "256 bits of an expired key, asked for after it was counted",
    ("apps/tenancy/factors/codes.py", "steps_off"): "of a code that was refused and counted, or of a new app",
    (
        "apps/tenancy/login_steps.py",
        "pending",
    ): "compares the session's own hash with the row: nothing is sent",
    ("apps/tenancy/oidc/protocol.py", "_started"): "is a judge, called by `finish` inside check_secret",
    ("apps/api/authentication.py", "authenticate"): "256 bits, judged first; failures go to count_failure",
    ("apps/console/proxy/rfb.py", "challenge"): "is a judge",
    ("apps/uploads/tus.py", "_check"): "a checksum of what was sent with it: no secret",
    (
        "apps/console/proxy/relay.py",
        "_session",
    ): "limited at the port of each ticket, which lives two minutes",
}


def _calls(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (function around it, judge) of every call of a judge that stands in no argument of a throttle."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name in THROTTLES:
                return
            if name in JUDGES:
                yield function, name
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function)

    yield from walk(ast.parse(path.read_text()), "")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def test_no_secret_is_judged_outside_the_throttle() -> None:
    found = {
        (str(path.relative_to(ROOT)), function)
        for path in sorted((ROOT / "apps").rglob("*.py"))
        for function, _judge in _calls(path)
    }
    assert found == set(OUTSIDE)


def test_a_check_beside_the_throttle_would_be_found(tmp_path: Path) -> None:
    code = tmp_path / "new.py"
    code.write_text(
        "def page(user, given):\n"
        "    ok = check_secret(source, name, lambda: user.check_password(given))\n"
        "    return ok or user.check_password(given)\n"
    )
    assert list(_calls(code)) == [("page", "check_password")]


# -- every endpoint, on each axis -------------------------------------------------------------------------------------

Try = Callable[[], int]
NEW = {"current": "wrong", "new": "a-quite-different-one", "again": "a-quite-different-one"}


def _log_in(user: User) -> Try:
    client = Client()
    return lambda: client.post("/login/", {"username": user.username, "password": "wrong"}).status_code


def _second(user: User, path: str, sent: dict[str, str]) -> Try:
    secret = new_secret()
    add_app(actor_for_user(user), secret, app_code(secret))
    client = Client()
    client.post("/login/", {"username": user.username, "password": PASSWORD})
    return lambda: client.post(path, sent).status_code


def _in_session(user: User, path: str, sent: dict[str, str], kind: str | None = None) -> Try:
    client = page_client(user)
    if kind is None:
        return lambda: client.post(path, sent).status_code
    return lambda: client.post(path, sent, content_type=kind).status_code


def _passkey_alone(user: User) -> Try:
    key, client = make_passkey(user), Client()

    def attempt() -> int:
        asked = client.post("/login/passkey/options/").json()
        return client.post("/login/passkey/", {"credential": key.show(asked, verified=False)}).status_code

    return attempt


def _api_key(user: User) -> Try:
    client = Client(headers={"Authorization": "Bearer sk_0123456789ab_wrong"})
    return lambda: client.get("/api/v1/me").status_code


#: Endpoint → how to send it a wrong secret for a user.
ENDPOINTS: dict[str, Callable[[User], Try]] = {
    "log-in": _log_in,
    "second step: code": lambda user: _second(user, "/login/second-step/", {"code": "000000"}),
    "second step: passkey": lambda user: _second(user, "/login/passkey/", {"credential": "{}"}),
    "passkey alone": _passkey_alone,
    "confirmation": lambda user: _in_session(user, "/account/confirm/", {"password": "wrong"}),
    "confirmation: passkey": lambda user: _in_session(
        user, "/account/confirm/passkey/", {"credential": "{}"}
    ),
    "current password": lambda user: _in_session(user, "/account/security/", NEW),
    "current password: API": lambda user: _in_session(
        user, "/api/v1/account/password", {"current": "wrong", "new": NEW["new"]}, "application/json"
    ),
    "API key": _api_key,
}
WIDE = Rule(free=10_000, memory=3600, step=30, cap=300)
NARROW = Rule(free=3, memory=3600, step=30, cap=300)
AXES = {
    "account": (),
    "network": ("NETWORK", "KNOWN_NETWORK"),
    "in all": ("STRANGERS", "ACQUAINTED"),
}


@pytest.fixture
def still() -> Iterator[time_machine.Traveller]:
    """A clock that stands: a busy machine must not let delays pass."""
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=False) as clock:
        yield clock


@pytest.mark.django_db
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_endpoint_is_throttled_on_each_axis_and_its_failures_are_logged(
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    still: time_machine.Traveller,
    endpoint: str,
    axis: str,
) -> None:
    attempt = ENDPOINTS[endpoint](alice)
    for name in ("NETWORK", "KNOWN_NETWORK", "STRANGERS", "ACQUAINTED"):
        monkeypatch.setattr(checks, name, NARROW if name in AXES[axis] else WIDE)
    limit = 5 if axis == "account" else NARROW.free
    if axis != "account":
        monkeypatch.setattr(checks, "account_rule", lambda: WIDE)
    statuses = [attempt() for _ in range(limit + 2)]
    assert set(statuses[:limit]) <= {200, 401, 422} and statuses[limit:] == [429, 429]
    failed = AuditEntry.objects.filter(verb="account.log_in_failed")
    assert failed.count() == limit
    assert "wrong" not in str(list(failed.values()))
