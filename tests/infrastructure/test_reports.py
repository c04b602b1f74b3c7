"""Taking in hosts and what they report."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.capacity_forecast import capacity_forecast
from apps.infrastructure.models import SILENCE, Collection, Host
from apps.infrastructure.need import Need
from apps.infrastructure.placement import place
from apps.infrastructure.reports import collect
from apps.infrastructure.selectors import cluster_warnings
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.models import State
from apps.lifecycle.state_labels import state_label
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fresh = World()
    monkeypatch.setattr(backends, "_process_world", fresh)
    return fresh


@pytest.mark.requirement("CL-1")
def test_a_host_is_taken_in_with_its_first_report() -> None:
    cluster = factories.make_cluster(factories.make_region(), cpu_overcommit=3)
    host = factories.make_host(
        cluster, vcpus=8, memory_gib=64, state=State.PENDING, last_report_at=None, vcpu_capacity=0
    )
    assert state_label(host).word == "Enrolled"
    assert collect() == 1
    host.refresh_from_db()
    assert host.state == State.READY
    assert host.vcpu_capacity == 24
    assert host.memory_capacity_mib == 64 * 1024 - 64 * 1024 // 20
    assert host.in_reach
    assert state_label(host).word == "Available"


@pytest.mark.requirement("CL-1")
def test_a_host_of_another_architecture_is_refused_with_the_reason() -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster, architecture="aarch64", state=State.PENDING, last_report_at=None)
    collect()
    host.refresh_from_db()
    assert host.state == State.ERROR
    assert "aarch64" in host.error["message"]


@pytest.mark.requirement("CL-1")
def test_a_cluster_warns_of_few_or_differing_hosts() -> None:
    cluster = factories.make_cluster(factories.make_region())
    for _ in range(2):
        factories.make_host(cluster)
    assert [w.split(":")[0] for w in cluster_warnings(cluster)] == ["Not highly available"]
    factories.make_host(cluster, cpu_model="Other", memory_gib=128)
    assert len(cluster_warnings(cluster)) == 2


def test_a_silent_host_is_out_of_reach_until_it_reports_again(world: World) -> None:
    host = factories.make_host(factories.make_cluster(factories.make_region()))
    world.disconnect(host.name)
    Host.objects.update(last_report_at=timezone.now() - timedelta(seconds=30))
    collect()
    host.refresh_from_db()
    assert state_label(host).word == "Unreachable"
    world.reconnect(host.name)
    collect()
    host.refresh_from_db()
    assert state_label(host).word == "Available"


def test_a_host_whose_clock_was_set_back_stays_in_reach(world: World) -> None:
    host = factories.make_host(factories.make_cluster(factories.make_region()))
    later = timezone.now() + timedelta(minutes=10)
    Host.objects.update(report_sent_at=later, last_report_at=timezone.now())
    assert collect() == 0, "this might be an old report that came late"
    Host.objects.update(last_report_at=timezone.now() - SILENCE * 0.6)
    assert collect() == 1
    host.refresh_from_db()
    assert host.in_reach and host.report_sent_at is not None and host.report_sent_at < later


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_wrong_clock_of_a_web_process_takes_no_host_out_of_service(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster)
    right = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: right() + timedelta(minutes=minutes))
    assert place(cluster, Need(1, 1024)) == [host.pk]
    assert capacity_forecast(cluster, Need(1, 1024)).fitting == 1


@pytest.mark.requirement("OP-1")
def test_hosts_nobody_listened_to_are_not_taken_for_silent(world: World) -> None:
    """All workers were killed: what is requested meanwhile is accepted, and waits for them."""
    cluster = factories.make_cluster(factories.make_region())
    host = factories.make_host(cluster)
    collect()
    minute_ago = timezone.now() - timedelta(minutes=1)
    Host.objects.update(last_report_at=minute_ago)
    Collection.objects.update(at=minute_ago)
    assert place(cluster, Need(1, 1024)) == [host.pk]
    assert capacity_forecast(cluster, Need(1, 1024)).fitting == 1
    world.disconnect(host.name)
    collect()
    with pytest.raises(NoCapacity):
        place(cluster, Need(1, 1024))


def test_collecting_costs_the_same_number_of_statements_for_many_hosts(
    django_assert_max_num_queries: object,
) -> None:
    cluster = factories.make_cluster(factories.make_region())
    for _ in range(100):
        factories.make_host(cluster)
    collect()
    with django_assert_max_num_queries(9):  # type: ignore[operator]
        assert collect() == 100
