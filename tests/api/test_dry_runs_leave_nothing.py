"""`?dry_run=1` of every create there is changes nothing: no row, no number, no doorbell, no push."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from apps.infrastructure.models import Host
from tests.security.bodies import API_BODIES
from tests.security.conftest import world as made_world
from tests.security.routes import all_routes
from tests.security.world import World

__all__ = ["made_world"]

pytestmark = pytest.mark.requirement("OP-6")

#: Of everything that is counted, these come out of little: a rolled-back draw would use them up.
SEQUENCES = ("network_vni", "network_mac")
CREATES = sorted(
    route.name
    for route in all_routes()
    if route.area == "api"
    and "POST" in route.methods
    and not route.takes_key
    and f"{route.name} POST" in API_BODIES
    and not route.name.endswith(("-bulk", "-password"))
)


def everything() -> dict[str, Any]:
    """What every table holds (a hash of its rows), and where the small sequences stand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        held = {}
        for (table,) in cursor.fetchall():
            rows = f'SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM "{table}" t'  # noqa: S608
            cursor.execute(rows)
            held[table] = cursor.fetchone()
        for name in SEQUENCES:
            cursor.execute(f"SELECT last_value, is_called FROM {name}")  # noqa: S608
            held[name] = cursor.fetchone()
    return held


@pytest.fixture
def rolled_back(made_world: World, django_db_blocker: Any) -> Iterator[World]:
    """The world of the security tests, as it was made."""
    with django_db_blocker.unblock(), transaction.atomic():
        Host.objects.update(last_report_at=timezone.now())  # on a slow machine it was made too long ago
        yield made_world
        transaction.set_rollback(True)


@pytest.mark.parametrize("name", CREATES)
def test_a_dry_run_of_any_create_says_yes_and_leaves_nothing(
    rolled_back: World, name: str, django_capture_on_commit_callbacks: Any
) -> None:
    world = rolled_back
    url, body = reverse(name), API_BODIES[f"{name} POST"](world)
    post = world.program("ada" if not _tenants_own(name) else "alice").post
    post(url, {}, format="json", QUERY_STRING="dry_run=1")  # whoever asks first is noted: the key's last use
    before = everything()
    with django_capture_on_commit_callbacks() as waiting:
        answer = post(url, body, format="json", QUERY_STRING="dry_run=1", headers={"Idempotency-Key": "k"})
    assert answer.status_code == 200, answer.data
    assert (answer.data["refusals"], answer.data["possible"]) == ([], True)
    assert everything() == before
    assert waiting == [], "a doorbell or a push would have been sent"
    done = post(url, body, format="json", headers={"Idempotency-Key": "k"})
    assert done.status_code in {201, 202}, done.data


def _tenants_own(name: str) -> bool:
    return name in {"api:projects", "api:members", "api:api-keys", "api:vms", "api:key-pairs"}


def test_every_kind_that_can_be_created_is_tried_here() -> None:
    assert len(CREATES) >= 16
