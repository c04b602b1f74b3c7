"""SE-4: secrets appear in the one answer meant to show them, and nowhere else: no row, no log line, no page."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection
from psycopg import sql

from apps.accounts.models import Tenant, User
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.lifecycle import engine
from apps.lifecycle.models import Operation
from tests.compute.factories import Cloud, make_cloud
from tests.factories import api_client, page_client, session_client

pytestmark = [pytest.mark.requirement("SE-4"), pytest.mark.django_db]

GUEST_PASSWORD = "Guest-Secret-4711"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, db: None) -> Cloud:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    monkeypatch.setattr(engine.renewer, "renewing_lease", lambda run: nullcontext())
    return make_cloud(fresh)


@pytest.fixture(autouse=True)
def all_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def _everything_stored() -> str:
    """Return every row of every table as text."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(sql.SQL("SELECT row_to_json(t)::text FROM {} t").format(sql.Identifier(table)))
            rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)


def _post(user: User, path: str, body: dict[str, Any], key: str = "one") -> dict[str, Any]:
    # In person: what gives access is made by no API key.
    answer = session_client(user).post(
        f"/api/v1/{path}", body, format="json", headers={"Idempotency-Key": key}
    )
    assert answer.status_code in {200, 201, 202}, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_guests_password_is_nowhere_after_a_whole_create(
    cloud: Cloud, alice: User, tenant_a: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    body = {
        "name": "web",
        "instance_type": cloud.small.pk,
        "image": str(cloud.image.pk),
        "subnet": str(cloud.network(tenant_a).pk),
        "security_group": None,
        "password": GUEST_PASSWORD,
    }
    answers = [_post(alice, "vms", body)]
    operation = Operation.objects.get()
    engine.execute(operation.pk)
    client, browser = api_client(alice), page_client(alice)
    vm = operation.target_id
    answers += [
        client.get(f"/api/v1/{path}").json()
        for path in (f"vms/{vm}", "vms", f"operations/{operation.pk}", "audit")
    ]
    pages = [
        browser.get(path).content.decode()
        for path in (f"/vms/{vm}/", f"/vms/{vm}/activity/", f"/operations/{operation.pk}/", "/audit/")
    ]
    for seen in (str(answers), "".join(pages), _everything_stored(), caplog.text):
        assert GUEST_PASSWORD not in seen
    # Nor its hash, where people can see it; it is stored encrypted.
    for seen in (str(answers), "".join(pages), _everything_stored(), caplog.text):
        assert "$6$" not in seen and "$y$" not in seen
    operation.refresh_from_db()
    assert operation.status == "done", "otherwise this proved little"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("members", {"username": "nina"}, "password"),
        ("api-keys", {"name": "ci", "scope": "read"}, "token"),
        ("key-pairs", {"name": "laptop"}, "private_key"),
    ],
)
def test_what_is_made_for_a_person_is_shown_once_and_kept_nowhere(
    cloud: Cloud, alice: User, caplog: pytest.LogCaptureFixture, path: str, body: dict[str, Any], field: str
) -> None:
    made = _post(alice, path, body)
    secret = made[field]
    # A private key has line breaks, which JSON escapes: a line of it tells as much.
    part = secret.splitlines()[2] if "\n" in secret else secret
    again = _post(alice, path, body)
    listed = api_client(alice).get(f"/api/v1/{path}").json()
    for seen in (str(again), str(listed), _everything_stored(), caplog.text):
        assert part not in seen
    assert again == {**made, field: None}


def test_a_hosts_settings_are_shown_once_and_kept_nowhere(
    cloud: Cloud, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"name": "host-new", "cluster": cloud.cluster.pk, "address": "192.0.2.9"}
    settings_file = _post(ada, "hosts", body)["agent_toml"]
    secrets = [
        line.partition('"')[2].rstrip('"')
        for line in settings_file.splitlines()
        if "key" in line or "redis" in line
    ]
    assert len(secrets) == 2
    assert _post(ada, "hosts", body)["agent_toml"] is None
    for secret in secrets:
        assert secret not in _everything_stored() and secret not in caplog.text
