"""Sessions and second factors in the API: read by keys, changed by their person only."""

from __future__ import annotations

import base64

import pytest
from allauth.mfa.models import Authenticator

from apps.accounts.models import ApiKey, Session, User
from apps.accounts.recent_proof import PROVED_AT
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("IN-2"), pytest.mark.requirement("SE-2")]


def test_one_lists_and_ends_ones_own_sessions(alice: User, vera: User) -> None:
    other, theirs = factories.page_client(alice), factories.page_client(vera)
    client = factories.session_client(alice)
    rows = client.get("/api/v1/sessions?sort=-seen&total=1").json()
    assert rows["total"] == 2
    assert [row["current"] for row in rows["results"]].count(True) == 1
    (elsewhere,) = [row["id"] for row in rows["results"] if not row["current"]]
    assert client.delete(f"/api/v1/sessions/{elsewhere}").status_code == 204
    assert other.get("/api/v1/me").status_code == 401
    vera_s = Session.objects.get(user=vera).uid
    assert client.delete(f"/api/v1/sessions/{vera_s}").status_code == 404
    factories.page_client(alice)
    assert client.post("/api/v1/sessions/end-others").json() == {"ended": 1}
    assert client.get("/api/v1/me").status_code == theirs.get("/api/v1/me").status_code == 200


def test_no_cursor_holds_what_a_browsers_cookie_holds(alice: User) -> None:
    for _ in range(3):
        factories.page_client(alice)
    keys = list(Session.objects.filter(user=alice).values_list("session_key", flat=True))
    client = factories.api_client(alice)
    body = client.get("/api/v1/sessions?page_size=1").json()
    cursor = body["next"].split("cursor=")[1].split("&")[0].split("%3A")[0].split(":")[0]
    read = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    assert not any(key in read or key in str(body) for key in keys)
    assert len(client.get(body["next"]).json()["results"]) == 1


def add_factors(user: User) -> int:
    Authenticator.objects.create(user=user, type="totp", data={"secret": "kept"})
    return int(Authenticator.objects.create(user=user, type="webauthn", data={"name": "Laptop"}).pk)


def test_one_removes_ones_own_factors_with_a_fresh_proof(alice: User) -> None:
    passkey = add_factors(alice)
    client = factories.session_client(alice)
    found = client.get("/api/v1/factors").json()
    assert found["app"] is not None and [each["name"] for each in found["passkeys"]] == ["Laptop"]
    assert "kept" not in str(found)
    stale = factories.page_client(alice)
    session = stale.session
    session[PROVED_AT] = 0
    session.save()
    for path in ("app", f"passkeys/{passkey}"):
        assert stale.delete(f"/api/v1/factors/{path}").status_code == 403
    assert Authenticator.objects.filter(user=alice).count() == 2
    assert client.delete("/api/v1/factors/app?dry_run=1").status_code == 422
    assert client.post("/api/v1/sessions/end-others?dry_run=1").status_code == 422
    for path in ("app", f"passkeys/{passkey}"):
        assert client.delete(f"/api/v1/factors/{path}").status_code == 204
    assert not Authenticator.objects.filter(user=alice).exists()


@pytest.mark.parametrize("scope", ApiKey.Scope.values)
def test_no_key_changes_what_is_a_persons_own(alice: User, scope: str) -> None:
    passkey, client = add_factors(alice), factories.api_client(alice, scope)
    factories.page_client(alice)
    session = Session.objects.get(user=alice).uid
    assert client.get("/api/v1/sessions").status_code == client.get("/api/v1/factors").status_code == 200
    for path in (f"sessions/{session}", "factors/app", f"factors/passkeys/{passkey}"):
        assert client.delete(f"/api/v1/{path}").status_code == 403, path
    assert client.post("/api/v1/sessions/end-others").status_code == 403
    assert Session.objects.filter(user=alice).exists()
    assert Authenticator.objects.filter(user=alice).count() == 2
