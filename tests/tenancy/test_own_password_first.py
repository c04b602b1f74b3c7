"""Whoever logged in with a generated password chooses an own one before anything else."""

from __future__ import annotations

import pytest

from apps.accounts.models import User
from tests.factories import PASSWORD, api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]
NEW = "another-horse-battery"


@pytest.fixture
def fresh(alice: User) -> User:
    alice.must_change_password = True
    alice.save(update_fields=["must_change_password"])
    return alice


def test_pages_lead_to_the_account_and_the_session_gets_no_further(fresh: User) -> None:
    client = page_client(fresh)
    for path in ("/", "/members/", "/vms/create/"):
        assert client.get(path)["Location"] == "/account/security/"
    assert client.post("/projects/create/", {"name": "x"})["Location"] == "/account/security/"
    assert client.get("/api/v1/projects").status_code == 403
    assert "Set a new password first" in client.get("/account/security/").content.decode()


def test_after_the_change_the_same_session_goes_on(fresh: User) -> None:
    client, elsewhere = page_client(fresh), page_client(fresh)
    answer = client.post("/account/security/", {"current": PASSWORD, "new": NEW, "again": NEW})
    assert answer["Location"] == "/", "who had to set a password came to do something else"
    assert client.get("/members/").status_code == 200
    again = client.post("/account/security/", {"current": NEW, "new": PASSWORD, "again": PASSWORD})
    assert again["Location"] == "/account/security/"
    assert elsewhere.get("/members/")["Location"].startswith("/login/")


def test_an_admin_is_led_to_the_administrations_account(ada: User) -> None:
    User.objects.update(must_change_password=True)
    assert page_client(ada).get("/admin/tenants/")["Location"] == "/admin/account/security/"


@pytest.mark.requirement("SE-2")
def test_a_key_gets_no_further_either(fresh: User) -> None:
    assert api_client(fresh).get("/api/v1/projects").json()["code"] == "password.must_change"


@pytest.mark.requirement("SE-2")
def test_the_own_profile_is_read_but_not_changed(fresh: User) -> None:
    client = page_client(fresh)
    assert client.get("/api/v1/me").json()["username"] == "alice"
    change = {"name": "Mallory", "email": "mallory@example.com", "language": "zh-hans"}
    assert client.patch("/api/v1/me", change, content_type="application/json").status_code == 403
    fresh.refresh_from_db()
    assert (fresh.first_name, fresh.email, fresh.language) == ("", "", "")


@pytest.mark.requirement("AC-4")
def test_the_own_profile_is_changed_in_a_session(alice: User) -> None:
    client = page_client(alice)
    change = {"name": "Alice A.", "time_zone": "Asia/Tokyo"}
    answer = client.patch("/api/v1/me", change, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["time_zone"]) == ("Alice A.", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"current": "wrong", "new": NEW, "again": NEW}, "Incorrect current password"),
        ({"current": PASSWORD, "new": NEW, "again": "other"}, "The passwords do not match"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "too short"),
    ],
)
def test_what_is_wrong_stands_at_its_field(fresh: User, typed: dict[str, str], said: str) -> None:
    answer = page_client(fresh).post("/account/security/", typed)
    assert answer.status_code == 422 and said in answer.content.decode()
