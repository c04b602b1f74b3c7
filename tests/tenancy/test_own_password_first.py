"""Whoever logged in with a generated password chooses an own one before anything else."""

from __future__ import annotations

import pytest

from apps.tenancy.models import User
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
    assert "Choose a password of your own first" in client.get("/account/security/").content.decode()


def test_after_the_change_the_same_session_goes_on(fresh: User) -> None:
    client, elsewhere = page_client(fresh), page_client(fresh)
    answer = client.post("/account/security/", {"current": PASSWORD, "new": NEW, "again": NEW})
    assert answer["Location"] == "/account/security/"
    assert client.get("/members/").status_code == 200
    assert elsewhere.get("/members/")["Location"].startswith("/login/")


def test_an_admin_is_led_to_the_administrations_account(ada: User) -> None:
    User.objects.update(must_change_password=True)
    assert page_client(ada).get("/admin/tenants/")["Location"] == "/admin/account/security/"


def test_programs_with_a_key_are_not_held_up(fresh: User) -> None:
    assert api_client(fresh).get("/api/v1/projects").status_code == 200


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"current": "wrong", "new": NEW, "again": NEW}, "not your present password"),
        ({"current": PASSWORD, "new": NEW, "again": "other"}, "The two differ"),
        ({"current": PASSWORD, "new": "short", "again": "short"}, "too short"),
    ],
)
def test_what_is_wrong_stands_at_its_field(fresh: User, typed: dict[str, str], said: str) -> None:
    answer = page_client(fresh).post("/account/security/", typed)
    assert answer.status_code == 422 and said in answer.content.decode()
