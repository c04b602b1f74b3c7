"""Language, time zone and theme of one's own pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import translation

from apps.accounts.models import User
from apps.portal.html import moment
from tests.factories import page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-10")]
FORM = {"language": "zh-hans", "time_zone": "Asia/Tokyo", "theme": "dark"}


def test_the_browsers_language_is_spoken_until_one_is_chosen(client: Client) -> None:
    assert 'lang="zh-hans"' in client.get("/login/", headers={"Accept-Language": "zh-CN,zh"}).content.decode()
    assert 'lang="en"' in client.get("/login/", headers={"Accept-Language": "fr"}).content.decode()


def test_a_language_chosen_before_the_log_in_is_kept_in_the_browser(client: Client) -> None:
    answer = client.post("/language/", {"language": "zh-hans", "next": "/login/"})
    assert answer.url == "/login/"  # type: ignore[attr-defined]
    assert 'lang="zh-hans"' in client.get("/login/").content.decode()


def test_a_language_chosen_by_a_user_goes_with_the_account(alice: User) -> None:
    page_client(alice).post("/language/", {"language": "zh-hans"})
    elsewhere = page_client(alice)
    assert 'lang="zh-hans"' in elsewhere.get("/", headers={"Accept-Language": "en"}).content.decode()


def test_the_language_switch_leads_to_no_other_site(client: Client) -> None:
    answer = client.post("/language/", {"language": "en", "next": "https://evil.example/"})
    assert answer.url == "/"  # type: ignore[attr-defined]


def test_preferences_are_kept_and_told_by_page_and_api(alice: User) -> None:
    browser = page_client(alice)
    assert browser.post("/account/preferences/", FORM).status_code == 302
    told = browser.get("/api/v1/me").json()
    assert {name: told[name] for name in FORM} == FORM
    shown = browser.get("/account/preferences/").content.decode()
    assert 'data-theme="dark"' in shown and "Asia/Tokyo" in shown and "JST" in shown


@pytest.mark.parametrize(
    ("field", "value"), [("language", "xx"), ("time_zone", "../etc/passwd"), ("theme", "pink")]
)
def test_what_does_not_exist_is_refused_at_its_field(alice: User, field: str, value: str) -> None:
    browser = page_client(alice)
    page = browser.post("/account/preferences/", FORM | {field: value})
    assert page.status_code == 422
    answer = browser.patch("/api/v1/me", {field: value}, content_type="application/json")
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field
    alice.refresh_from_db()
    assert (alice.language, alice.time_zone, alice.theme) == ("", "", "")


def test_a_time_zone_the_browser_makes_up_is_not_believed(alice: User) -> None:
    browser = page_client(alice)
    browser.cookies["time_zone"] = "../../etc/passwd"
    assert browser.get("/account/preferences/").status_code == 200


def test_times_are_shown_where_the_browser_stands(alice: User) -> None:
    browser = page_client(alice)
    browser.cookies["time_zone"] = "Asia/Shanghai"
    assert "CST" in browser.get("/account/preferences/").content.decode()


def test_a_preference_of_one_request_does_not_leak_into_the_next(alice: User, client: Client) -> None:
    page_client(alice).post("/account/preferences/", FORM)
    page_client(alice).get("/")
    assert 'lang="en"' in client.get("/login/").content.decode()
    assert "UTC" in moment(datetime(2026, 1, 1, tzinfo=UTC))
    assert translation.get_language() == "en"
