"""Storage clusters as they are: health in words, rebuilds, space that runs out, VMs paused for lack of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import User
from apps.drivers.specs import HealthCheck, PoolHealth, Severity
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pages.attention import attention_items
from apps.infrastructure.pages.health_texts import check_text
from apps.infrastructure.pool_health import health_of, rebuild_of
from apps.infrastructure.pool_metrics import subject_of
from apps.infrastructure.usage_levels import level_reached
from apps.lifecycle import push
from apps.metrics.active_store import store
from apps.storage.observation import observe_clusters
from tests import factories
from tests.infrastructure.pools import GIB, HEALTHY, REBUILDING, PretendCeph, looked_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def ceph(monkeypatch: pytest.MonkeyPatch) -> PretendCeph:
    return PretendCeph(monkeypatch)


@pytest.fixture
def pool(ceph: PretendCeph) -> StorageCluster:
    cluster = factories.make_storage(factories.make_region(), "fast", driver="rbd", path="vms")
    ceph.is_(cluster, key="")
    return cluster


def page_of(cluster: StorageCluster, user: User) -> str:
    return factories.page_client(user).get(f"/admin/storage-clusters/{cluster.pk}/").content.decode()


def health_in_api(cluster: StorageCluster, user: User) -> dict[str, Any]:
    body = factories.api_client(user).get(f"/api/v1/storage-clusters/{cluster.pk}").json()
    found: dict[str, Any] = body["health"]
    return found


@pytest.mark.requirement("CL-2")
def test_a_healthy_pool_shows_replicas_failure_domain_and_osds(pool: StorageCluster, ada: User) -> None:
    looked_at(pool)
    page = page_of(pool, ada)
    for text in (
        "Healthy",
        "3, data is served with at least 2",
        "3, 3 up, 3 in",
        "Ceph reports no problems.",
    ):
        assert text in page
    assert "Raw space used" in page and "Rebuild:" not in page
    assert health_in_api(pool, ada)["rebuild"] is None


@pytest.mark.requirement("CL-2")
def test_a_rebuild_shows_how_far_it_is_how_fast_and_how_long(
    ceph: PretendCeph, pool: StorageCluster, ada: User
) -> None:
    ceph.is_(pool, key="", health=REBUILDING)
    looked_at(pool)
    ceph.is_(pool, key="", health=replace(REBUILDING, degraded_objects=75))
    seen = rebuild_of(looked_at(pool))
    assert seen is not None and seen.since is not None
    assert (seen.left, seen.most, seen.percent, seen.seconds_left) == (75, 300, 75, 15)
    page = page_of(pool, ada)
    for text in ("Rebuild: 75 %", "75 object copies left, 20.0 MiB/s, about 15 s left", "3, 2 up, 3 in"):
        assert text in page
    for text in ("One or more OSDs are down.", "Check the disks and hosts of the OSDs.", "1 osds down"):
        assert text in page
    shown = health_in_api(pool, ada)
    assert shown["rebuild"]["percent"] == 75 and shown["checks"][0]["code"] == "OSD_DOWN"
    ceph.is_(pool, key="")
    assert rebuild_of(looked_at(pool)) is None


def test_a_rebuild_that_stands_still_promises_no_time(
    ceph: PretendCeph, pool: StorageCluster, ada: User
) -> None:
    ceph.is_(pool, key="", health=replace(REBUILDING, rebuild_objects_per_second=0))
    looked_at(pool)
    assert "300 object copies left, no progress now" in page_of(pool, ada)
    assert health_in_api(pool, ada)["rebuild"]["seconds_left"] is None


def test_a_check_without_words_of_ours_is_shown_in_cephs_with_a_next_step() -> None:
    shown = check_text(HealthCheck("SOMETHING_NEW", Severity.WARNING, "2 things are odd"))
    assert (shown.text, shown.own, bool(shown.step)) == ("2 things are odd", "", True)


@pytest.mark.parametrize("kept", [{"severity": "purple"}, {"osds": -1}, {"checks": 7}])
def test_a_health_that_cannot_be_read_is_none(kept: dict[str, Any]) -> None:
    assert health_of(StorageCluster(health=kept)) is None


@pytest.mark.requirement("CL-2")
def test_pages_are_told_of_health_at_once_and_of_nothing_while_all_stays(
    ceph: PretendCeph, pool: StorageCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, object]] = []
    monkeypatch.setattr(push, "row_changed", lambda kind, key: told.append((kind, key)))
    looked_at(pool)
    told.clear()
    looked_at(pool)
    assert told == []
    ceph.is_(pool, key="", health=REBUILDING)
    looked_at(pool)
    assert told == [("storage_cluster", pool.pk)]


@pytest.mark.requirement("CL-2")
def test_capacity_that_was_added_is_shown_and_can_be_allocated(
    ceph: PretendCeph, pool: StorageCluster
) -> None:
    looked_at(pool)
    ceph.is_(pool, key="", capacity_bytes=200 * GIB)
    assert looked_at(pool).capacity_bytes == 200 * GIB


@pytest.mark.requirement("CL-2")
@pytest.mark.parametrize(
    ("used", "tone"), [(79, None), (80, "warn"), (89, "warn"), (90, "error"), (100, "error")]
)
def test_administrators_are_warned_at_80_and_90_percent(
    ceph: PretendCeph, pool: StorageCluster, used: int, tone: str | None
) -> None:
    ceph.is_(pool, key="", used_bytes=used * GIB)
    looked_at(pool)
    found = [item for item in attention_items() if "nearly full" in item.text]
    assert [(item.tone, item.detail) for item in found] == ([(tone, f"{used} % used")] if tone else [])


def test_use_that_swings_around_a_level_is_warned_of_once(
    ceph: PretendCeph, pool: StorageCluster, caplog: pytest.LogCaptureFixture
) -> None:
    for used in (80, 79, 80, 81):
        ceph.is_(pool, key="", used_bytes=used * GIB)
        looked_at(pool)
    assert caplog.text.count("% in use") == 1
    assert [level_reached(percent, before=90) for percent in (91, 88, 87, 77)] == [90, 90, 80, 0]


@pytest.mark.requirement("CL-2")
def test_ceph_problems_and_a_lost_connection_need_attention(ceph: PretendCeph, pool: StorageCluster) -> None:
    ceph.is_(pool, key="", health=REBUILDING)
    looked_at(pool)
    (item,) = attention_items()
    assert (item.tone, item.text) == ("warn", "fast: Ceph reports problems")
    assert "One or more OSDs are down." in item.detail and "Rebuild: 0 % done." in item.detail
    ceph.is_(pool, key="", trouble="unreachable")
    looked_at(pool)
    (item,) = attention_items()
    assert (item.tone, item.text) == ("error", "fast is not connected")


@pytest.mark.requirement("CL-2")
def test_space_and_rebuild_speed_are_kept_for_charts(
    ceph: PretendCeph, pool: StorageCluster, ada: User
) -> None:
    ceph.is_(pool, key="", health=REBUILDING)
    observe_clusters()
    names = ("disk_used_bytes", "disk_total_bytes", "raw_used_bytes", "rebuild_bytes_per_second")
    key = subject_of(pool.pk).key
    values = store().latest("storage_cluster", [key], names, timedelta(minutes=2))[key]
    assert values == pytest.approx(
        {
            "disk_used_bytes": 10 * GIB,
            "disk_total_bytes": 100 * GIB,
            "raw_used_bytes": 30 * GIB,
            "rebuild_bytes_per_second": 20 << 20,
        },
        rel=1e-6,
    )
    answer = factories.api_client(ada).get(f"/api/v1/storage-clusters/{pool.pk}/metrics?range=1h").json()
    shown = {metric["name"]: [value for value in metric["values"] if value] for metric in answer["metrics"]}
    assert shown["raw_total_bytes"] == pytest.approx([300 * GIB], rel=1e-6)
    tab = factories.page_client(ada).get(f"/admin/storage-clusters/{pool.pk}/monitoring/").content.decode()
    assert "Raw space" in tab and "Rebuild" in tab


def test_the_list_and_the_overview_cost_the_same_with_more_clusters(
    ceph: PretendCeph, pool: StorageCluster, ada: User
) -> None:
    client = factories.page_client(ada)
    paths = ("/admin/storage-clusters/", f"/admin/storage-clusters/{pool.pk}/", "/admin/")

    def queries() -> list[int]:
        found = []
        for path in paths:
            with CaptureQueriesContext(connection) as seen:
                assert client.get(path).status_code == 200
            found.append(len(seen))
        return found

    queries()
    before = queries()
    for _number in range(5):
        other = factories.make_storage(pool.region, driver="rbd", check_asked_at=timezone.now())
        ceph.is_(other, key="", health=REBUILDING)
        looked_at(other)
    assert queries() == before


def test_a_list_shows_each_clusters_state_in_one_word(
    ceph: PretendCeph, pool: StorageCluster, ada: User
) -> None:
    ceph.is_(pool, key="", health=replace(HEALTHY, severity=Severity.ERROR))
    looked_at(pool)
    lost = factories.make_storage(pool.region, "lost", driver="rbd")
    ceph.is_(lost, trouble="missing", key="")
    looked_at(lost)
    factories.make_storage(pool.region, "new", observed_at=None)
    asked = timezone.now()
    factories.make_storage(pool.region, "busy", check_asked_at=asked)
    factories.make_storage(pool.region, "left", check_asked_at=asked - timedelta(minutes=1))
    factories.make_storage(pool.region, "files", checked_at=asked)
    words = {
        "error": ("fast", "Error"),
        "failed": ("lost", "Not connected"),
        "unknown": ("new", "Not checked yet"),
        "checking": ("busy", "Testing connection"),
        "no_answer": ("left", "Not checked"),
        "connected": ("files", "Connected"),
    }
    client = factories.page_client(ada)
    for state, (name, word) in words.items():
        page = client.get(f"/admin/storage-clusters/?health={state}").content.decode()
        assert [other for other, _word in words.values() if f">{other}</a>" in page] == [name]
        assert word in page


def test_a_pretend_pool_without_health_has_none(pool: StorageCluster, ceph: PretendCeph) -> None:
    ceph.is_(pool, key="", health=None)
    assert health_of(looked_at(pool)) is None
    assert isinstance(HEALTHY, PoolHealth)
