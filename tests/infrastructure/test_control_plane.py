"""What the administrator's overview says when the platform's own parts are away."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from apps.accounts.models import User
from apps.infrastructure.control_plane import control_plane_fault
from apps.infrastructure.models import Collection
from apps.infrastructure.reachability import collection_recorded_now
from apps.lifecycle.models import Operation
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-1")]

NOWHERE = "redis://127.0.0.1:1/0"


def lose_the_pulse() -> None:
    """Have no round of the collector for a while."""
    collection_recorded_now()
    Collection.objects.update(at=timezone.now() - timedelta(minutes=3))


def let_one_wait(minutes: int) -> None:
    """Have an operation that nobody has claimed for so long."""
    host = factories.make_host(factories.make_cluster(factories.make_region()))
    now = timezone.now()
    Operation.objects.create(
        verb="host.rename",
        resource=host,
        target_id=host.pk,
        target_kind="host",
        target_name=host.name,
        not_before=now - timedelta(minutes=minutes),
        deadline=now + timedelta(minutes=5),
    )


def overview(ada: User) -> str:
    answer = factories.page_client(ada).get("/admin/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_nothing_is_said_while_all_is_well_or_has_just_started(ada: User) -> None:
    let_one_wait(minutes=0)
    assert control_plane_fault() is None
    collection_recorded_now()
    assert control_plane_fault() is None
    assert 'role="alert"' not in overview(ada)


def test_a_broker_that_is_away_is_named(ada: User) -> None:
    lose_the_pulse()
    let_one_wait(minutes=2)
    with override_settings(REDIS_URL=NOWHERE):
        html = overview(ada)
    assert "The message broker does not respond." in html
    assert "Check that Redis is running. 1 accepted task is queued. No task is lost." in html


def test_without_workers_or_beat_it_is_said_that_no_work_is_carried_out(ada: User) -> None:
    lose_the_pulse()
    html = overview(ada)
    assert "No tasks are being processed." in html
    assert "Check that the workers and beat are running. Accepted tasks are queued. No task is lost." in html


def test_tasks_that_wait_for_more_than_their_turn_are_told() -> None:
    collection_recorded_now()
    let_one_wait(minutes=2)
    found = control_plane_fault()
    assert found is not None
    assert (found.message, found.code) == (
        "1 task has waited for a worker for over a minute.",
        "workers.busy",
    )
