"""How many requests an API key may make."""

from __future__ import annotations

import pytest

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, User
from apps.accounts.platform_settings import API_REQUESTS_PER_MINUTE
from apps.accounts.throttle import rates
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-2")]


def slow_key(user: User, limit: int = 3) -> str:
    return issue_key(user, "slow", ApiKey.Scope.READ, None, requests_per_minute=limit)[1]


def test_answers_say_how_many_requests_are_left_and_one_too_many_is_refused(alice: User) -> None:
    client = factories.api_client(token=slow_key(alice))
    answers = [client.get("/api/v1/me") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer["RateLimit-Limit"] for answer in answers} == {"3"}
    assert 1 <= int(answers[3]["Retry-After"]) <= 20
    assert int(answers[3]["RateLimit-Reset"]) <= 60
    assert answers[3].json()["code"] == "rate.limited"
    # Each key by itself, and no session.
    assert factories.api_client(alice).get("/api/v1/me").status_code == 200
    assert "RateLimit-Limit" not in factories.session_client(alice).get("/api/v1/me")


def test_a_key_cannot_have_more_than_the_platform_allows(alice: User) -> None:
    key, _token = issue_key(alice, "wide", ApiKey.Scope.READ, None, requests_per_minute=10**6)
    assert rates.limit_of(key) == API_REQUESTS_PER_MINUTE.value()
    made = factories.session_client(alice).post(
        "/api/v1/api-keys", {"name": "slow", "scope": "accounts", "requests_per_minute": 30}, format="json"
    )
    assert (made.status_code, made.json()["requests_per_minute"]) == (201, 30)
    child = factories.api_client(token=made.json()["token"]).post(
        "/api/v1/api-keys", {"name": "child", "scope": "read", "requests_per_minute": 500}, format="json"
    )
    assert (child.status_code, child.json()["requests_per_minute"]) == (201, 30)


def test_keys_that_a_key_creates_share_its_limit(alice: User) -> None:
    parent, token = issue_key(alice, "slow", ApiKey.Scope.ACCOUNTS, None, requests_per_minute=3)
    children = [issue_key(alice, f"{n}", ApiKey.Scope.READ, None, parent=parent)[1] for n in range(4)]
    answers = [factories.api_client(token=child).get("/api/v1/me") for child in children]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert factories.api_client(token=token).get("/api/v1/me").status_code == 429


def test_nothing_is_limited_while_redis_is_unreachable(
    alice: User, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"  # type: ignore[attr-defined]
    monkeypatch.setattr(rates, "_counter", rates._counter.__wrapped__)
    client = factories.api_client(token=slow_key(alice, limit=1))
    assert [client.get("/api/v1/me").status_code for _ in range(3)] == [200, 200, 200]
