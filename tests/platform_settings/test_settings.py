"""Settings of the platform: they act at once, are checked, logged, and for administrators only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from apps.accounts.models import User
from apps.accounts.platform_settings import ACTING_MINUTES, PASSWORD_LENGTH, REQUIRE_ADMIN_TWO_FACTOR
from apps.accounts.session_limits import SEEN
from apps.audit.models import AuditEntry
from apps.console.platform_settings import IDLE_SECONDS
from apps.lifecycle.errors import Forbidden, Invalid
from apps.metrics.partitions import kept
from apps.metrics.tiers import HOUR, RAW
from apps.platform_settings import store
from apps.platform_settings.catalogue import all_settings
from apps.platform_settings.models import PlatformSetting
from apps.portal.platform_settings import ANNOUNCEMENT_UNTIL
from apps.quotas.models import Quota
from apps.settings_pages.services import change_settings
from apps.tenancy.services.tenants import create_tenant
from tests import factories

pytestmark = pytest.mark.django_db


def set_(user: User, **values: Any) -> list[str]:
    return change_settings(factories.actor_for_user(user), values)


def test_the_default_holds_until_something_is_set_and_again_when_it_is_taken_back(ada: User) -> None:
    assert ACTING_MINUTES.value() == 60
    assert set_(ada, acting_minutes=30, require_admin_two_factor=True) == [
        "acting_minutes",
        "require_admin_two_factor",
    ]
    assert ACTING_MINUTES.value() == 30
    assert REQUIRE_ADMIN_TWO_FACTOR.value() is True
    set_(ada, acting_minutes=None)
    assert ACTING_MINUTES.value() == 60
    assert not PlatformSetting.objects.filter(name="acting_minutes").exists()


def test_a_value_from_the_environment_is_the_default_and_what_is_set_overrides_it(
    ada: User, settings: Any
) -> None:
    settings.CONSOLE_IDLE_SECONDS = 77.0
    assert IDLE_SECONDS.value() == 77
    set_(ada, console_idle_seconds=120)
    assert IDLE_SECONDS.value() == 120


def test_a_time_is_kept_with_its_zone(ada: User) -> None:
    set_(ada, announcement_until="2030-01-02T03:04:05+08:00")
    assert ANNOUNCEMENT_UNTIL.value() == datetime(2030, 1, 1, 19, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acting_minutes", 4),
        ("acting_minutes", "many"),
        ("acting_minutes", True),
        ("acting_minutes", 7.5),
        ("announcement_tone", "purple"),
        ("announcement", "x" * 301),
        ("no_such_setting", 1),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_is_changed(ada: User, name: str, value: object) -> None:
    with pytest.raises(Invalid) as refused:
        set_(ada, password_length=12, **{name: value})
    assert list(refused.value.fields) == [name]
    assert PASSWORD_LENGTH.value() == 10


def test_only_administrators_as_such_change_settings(ada: User, alice: User) -> None:
    assert alice.tenant is not None
    for actor in (factories.actor_for_user(alice), factories.actor_for_user(ada, alice.tenant)):
        with pytest.raises(Forbidden):
            change_settings(actor, {"password_length": 12})


@pytest.mark.requirement("AC-3")
def test_a_change_is_logged_with_what_it_was_before(ada: User) -> None:
    set_(ada, password_length=12)
    entry = AuditEntry.objects.get(verb="platform_settings.change")
    assert entry.args == {"password_length": {"from": 10, "to": 12}}
    assert entry.tenant is None
    set_(ada, password_length=12)
    assert AuditEntry.objects.filter(verb="platform_settings.change").count() == 1


def test_another_process_follows_when_its_copy_is_old(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert PASSWORD_LENGTH.value() == 10
    PlatformSetting.objects.create(name="password_length", value=20, changed_by="elsewhere")
    assert PASSWORD_LENGTH.value() == 10, "its copy is fresh"
    monkeypatch.setattr(store, "FRESH", 0.0)
    assert PASSWORD_LENGTH.value() == 20


def test_the_shortest_password_is_the_one_set(ada: User) -> None:
    validate_password("tangerine-kio")
    set_(ada, password_length=14)
    with pytest.raises(ValidationError, match="14"):
        validate_password("tangerine-kio")


def test_a_new_tenant_gets_the_quotas_that_are_set(ada: User) -> None:
    factories.make_region()
    set_(ada, default_quota_vm=7)
    tenant, _owner, _password = create_tenant(factories.actor_for_user(ada), "acme", "anna")
    assert Quota.objects.get(tenant=tenant, metric="vm").limit == 7


@pytest.mark.requirement("SE-2")
def test_the_lock_comes_after_as_many_failures_as_are_set(ada: User, alice: User) -> None:
    set_(ada, login_failures=3)
    client = factories.page_client()
    wrong = {"username": "alice", "password": "not it"}
    answers = [client.post("/login/", wrong).status_code for _ in range(4)]
    assert answers[0] == answers[1] == 200
    assert answers[3] == 429


@pytest.mark.requirement("SE-2")
def test_an_idle_session_ends_and_what_a_page_fetches_by_itself_keeps_none_alive(alice: User) -> None:
    client = factories.page_client(alice)
    assert client.get("/").status_code == 200
    session = client.session
    long_ago = session[SEEN] - timedelta(hours=11).total_seconds()
    session[SEEN] = long_ago
    session.save()
    assert client.get("/", headers={"X-Background": "true"}).status_code == 200
    session = client.session
    assert session[SEEN] == long_ago
    session[SEEN] -= timedelta(hours=2).total_seconds()
    session.save()
    assert client.get("/")["Location"].startswith("/login/")


def test_the_page_shows_every_setting_and_saves_only_what_differs(ada: User) -> None:
    client = factories.page_client(ada)
    page = client.get("/admin/settings/").content.decode()
    assert all(f'name="{setting.name}"' in page for setting in all_settings())
    form = {s.name: v for s in all_settings() if (v := s.value()) is not None and v is not False}
    answer = client.post("/admin/settings/", form | {"acting_minutes": "45"})
    assert answer.status_code == 302, answer.content
    assert list(PlatformSetting.objects.values_list("name", "changed_by")) == [("acting_minutes", "ada")]
    refused = client.post("/admin/settings/", form | {"acting_minutes": "1"})
    assert refused.status_code == 422


@pytest.mark.requirement("AC-4")
def test_programs_of_administrators_read_and_change_settings(ada: User, alice: User) -> None:
    api = factories.session_client(ada)
    answer = api.patch("/api/v1/settings", {"settings": {"acting_minutes": 15}}, format="json").json()
    found = {each["name"]: each for each in answer["settings"]}
    assert found["acting_minutes"]["value"] == 15
    assert found["acting_minutes"]["changed_by"] == "ada"
    assert factories.api_client(alice).get("/api/v1/settings").status_code == 403


def test_an_announcement_stands_on_every_page_until_its_time(ada: User, alice: User) -> None:
    text = "Maintenance <b>tonight</b>"
    set_(ada, announcement=text, announcement_tone="warn", announcement_until="2999-01-01T00:00:00Z")
    shown = "Maintenance &lt;b&gt;tonight&lt;/b&gt;"
    for client, path in ((factories.page_client(), "/login/"), (factories.page_client(alice), "/")):
        assert shown in client.get(path).content.decode()
    set_(ada, announcement_until="2001-01-01T00:00:00Z")
    assert shown not in factories.page_client(alice).get("/").content.decode()


def test_error_pages_say_whom_to_ask(ada: User, alice: User) -> None:
    set_(ada, support_contact="help@example.org")
    assert "help@example.org" in factories.page_client(alice).get("/no-such-page/").content.decode()


def test_hourly_metrics_are_kept_as_long_as_is_set(ada: User) -> None:
    assert kept(HOUR) == HOUR.kept
    set_(ada, metrics_history_days=90)
    assert kept(HOUR) == timedelta(days=90)
    assert kept(RAW) == RAW.kept
