"""Connecting Ceph pools: what is checked at once, what a worker finds, and that the key stays where it is."""

from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.accounts.secrets import unseal
from apps.audit.models import AuditEntry
from apps.drivers.specs import PoolObservation, PoolSpec
from apps.infrastructure import backends
from apps.infrastructure.connection import PATIENCE, Reach, connection_of
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.services.clusters import change_cluster
from apps.infrastructure.services.storage_clusters import (
    check_connection,
    close_to_disks,
    create_storage_cluster,
    open_to_disks,
    set_key,
    set_speed,
)
from apps.infrastructure.space import ensure_accepts_disks
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, NotNow, Refused
from apps.storage.limits import disk_limits
from apps.storage.models import Disk
from apps.storage.observation import observe_clusters, observe_health
from tests import factories
from tests.infrastructure.pools import OTHER_KEY, PretendCeph, looked_at
from tests.security.bodies import CEPH_KEY

pytestmark = pytest.mark.django_db

ACCESS: dict[str, Any] = {
    "driver": "rbd",
    "path": "vms",
    "monitors": ["192.0.2.1", "192.0.2.2:6789"],
    "user": "client.scloud",
    "key": CEPH_KEY,
}


@pytest.fixture
def ceph(monkeypatch: pytest.MonkeyPatch) -> PretendCeph:
    return PretendCeph(monkeypatch)


@pytest.fixture
def admin(ada: User) -> Actor:
    return factories.actor_for_user(ada)


@pytest.fixture
def region() -> Region:
    return factories.make_region()


@pytest.fixture
def pool(ceph: PretendCeph, admin: Actor, region: Region) -> StorageCluster:
    cluster = create_storage_cluster(admin, region, **ACCESS)
    ceph.is_(cluster)
    return cluster


def reach(cluster: StorageCluster) -> tuple[Reach, str]:
    seen = connection_of(StorageCluster.objects.get(pk=cluster.pk))
    return seen.reach, seen.code


@pytest.mark.requirement("CL-2")
@pytest.mark.requirement("CL-10")
def test_a_pool_is_connected_by_a_worker_and_its_capacity_is_known_then(
    ceph: PretendCeph, pool: StorageCluster
) -> None:
    assert pool.name == "SSD-1"
    assert reach(pool) == (Reach.CHECKING, "")
    assert ceph.probed == []
    seen = looked_at(pool)
    ((spec, key),) = ceph.probed
    assert (spec.path, spec.user, key) == ("vms", "scloud", CEPH_KEY)
    assert spec.monitors == ("192.0.2.1:3300", "192.0.2.2:6789")
    assert reach(pool) == (Reach.CONNECTED, "")
    assert (seen.capacity_bytes >> 30, seen.used_bytes >> 30) == (100, 10)


@pytest.mark.requirement("CL-2")
@pytest.mark.parametrize(
    ("is_", "code"),
    [
        ({"trouble": "unreachable"}, "volumes.ceph_unreachable"),
        ({"key": OTHER_KEY}, "volumes.ceph_refused"),
        ({"trouble": "missing"}, "volumes.pool_missing"),
        ({"trouble": "forbidden"}, "volumes.pool_forbidden"),
        ({"trouble": "full"}, "volumes.pool_full"),
    ],
)
def test_what_keeps_a_pool_from_being_used_is_told_apart_with_the_next_step(
    ceph: PretendCeph, pool: StorageCluster, ada: User, is_: dict[str, Any], code: str
) -> None:
    ceph.is_(pool, **is_)
    seen = connection_of(looked_at(pool))
    assert (seen.reach, seen.code) == (Reach.FAILED, code)
    page = factories.page_client(ada).get(f"/admin/storage-clusters/{pool.pk}/").content.decode()
    shown = factories.api_client(ada).get(f"/api/v1/storage-clusters/{pool.pk}").json()["connection"]
    assert shown["message"] and shown["hint"] and code in page
    assert (shown["status"], shown["code"]) == ("failed", code)
    ceph.is_(pool)
    assert connection_of(looked_at(pool)).reach is Reach.CONNECTED


def test_a_test_that_no_worker_answers_ends_by_itself(pool: StorageCluster) -> None:
    StorageCluster.objects.update(check_asked_at=timezone.now() - PATIENCE - timedelta(seconds=1))
    assert reach(pool) == (Reach.NO_ANSWER, "workers.away")


def test_an_answer_about_settings_that_have_changed_since_is_dropped(
    ceph: PretendCeph, admin: Actor, pool: StorageCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = ceph._probe

    def slow(*args: Any) -> Any:
        change_cluster(admin, StorageCluster.objects.get(), {"monitors": ["192.0.2.9"]})
        return probe(*args)

    monkeypatch.setitem(backends.POOL_PROBES, "rbd", slow)
    assert looked_at(pool).observed_at is None
    assert reach(pool) == (Reach.CHECKING, "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("monitors", []),
        ("monitors", ["192.0.2.1", "http://x/"]),
        ("monitors", ["192.0.2.1:0"]),
        # What resolvers read as addresses, and addresses that are no machine's.
        ("monitors", ["0"]),
        ("monitors", ["2130706433"]),
        ("monitors", ["0x7f000001"]),
        ("monitors", ["1.2.3"]),
        ("monitors", ["[::]"]),
        ("monitors", ["169.254.169.254:80"]),
        ("monitors", ["224.0.0.1"]),
        ("monitors", ["255.255.255.255"]),
        ("monitors", ["[fe80::1]"]),
        ("monitors", ["[::ffff:169.254.169.254]:80"]),
        ("monitors", ["[2001:db8::1%eth0]:3300"]),
        ("monitors", ["a,b"]),
        ("path", "a/b"),
        ("path", ".hidden"),
        ("user", ""),
        ("user", "a b"),
        ("key", ""),
        ("key", "not base64!"),
        ("key", "c2hvcnQ="),
    ],
)
def test_what_cannot_lead_to_a_pool_is_refused_at_its_field(
    admin: Actor, region: Region, field: str, value: object
) -> None:
    with pytest.raises(Invalid) as refused:
        create_storage_cluster(admin, region, **{**ACCESS, field: value})
    assert list(refused.value.fields) == [field]
    assert not StorageCluster.objects.exists()


def test_everything_that_is_wrong_is_said_at_once(admin: Actor, region: Region) -> None:
    with pytest.raises(Invalid) as refused:
        create_storage_cluster(admin, region, driver="rbd", path="")
    assert set(refused.value.fields) == {"path", "monitors", "user", "key"}
    with pytest.raises(Invalid) as refused:
        create_storage_cluster(admin, region, path="/srv/pool", key=CEPH_KEY)
    assert set(refused.value.fields) == {"key"}


@pytest.mark.requirement("SE-4")
def test_the_key_is_nowhere_but_sealed_on_its_row(
    ceph: PretendCeph, pool: StorageCluster, admin: Actor, ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    ceph.is_(pool, key=OTHER_KEY)
    looked_at(pool)
    set_key(admin, pool, key=OTHER_KEY)
    assert connection_of(looked_at(pool)).reach is Reach.CONNECTED
    sealed = StorageCluster.objects.get().sealed_key
    assert unseal(sealed) == OTHER_KEY
    api, pages = factories.api_client(ada), factories.page_client(ada)
    form = {"driver": "rbd", "path": "", "key": OTHER_KEY, "region": pool.region_id}
    shown = [
        api.get(f"/api/v1/storage-clusters/{pool.pk}").content,
        api.get("/api/v1/storage-clusters").content,
        *(pages.get(f"/admin/storage-clusters/{pool.pk}/{tab}").content for tab in ("", "monitoring/")),
        *(pages.get(f"/admin/storage-clusters/{pool.pk}/{do}/").content for do in ("change", "set-key")),
        pages.post("/admin/storage-clusters/create/", form).content,
        pages.post("/admin/storage-clusters/create/?preview=1", form).content,
        repr(list(AuditEntry.objects.values())).encode(),
        caplog.text.encode(),
    ]
    for secret in (CEPH_KEY, OTHER_KEY, sealed):
        assert not [text for text in shown if secret.encode() in text]


@pytest.mark.requirement("AC-1")
def test_tenants_read_nothing_of_how_a_cluster_is_reached_and_how_it_is(
    pool: StorageCluster, alice: User
) -> None:
    looked_at(pool)
    shown = factories.api_client(alice).get(f"/api/v1/storage-clusters/{pool.pk}").json()
    assert (shown["path"], shown["monitors"], shown["user"], shown["has_key"]) == ("", [], "", False)
    assert shown["connection"] is None and shown["health"] is None
    assert factories.api_client(alice).get(f"/api/v1/storage-clusters/{pool.pk}/metrics").status_code == 404


@pytest.mark.requirement("CL-2")
def test_a_cluster_with_disks_does_not_lead_to_another_pool(pool: StorageCluster, admin: Actor) -> None:
    change_cluster(admin, pool, {"path": "others", "monitors": ["192.0.2.7"], "user": "other"})
    pool.refresh_from_db()
    assert (pool.path, pool.monitors, pool.pool_user) == ("others", ["192.0.2.7:3300"], "other")
    Disk.objects.create(kind="disk", name="d", cluster=pool, size_gib=10, region=pool.region)
    with pytest.raises(Invalid, match="1 disk and 0 images") as refused:
        change_cluster(admin, pool, {"path": "vms", "alias": "x"})
    assert list(refused.value.fields) == ["path"]
    pool.refresh_from_db()
    assert (pool.path, pool.alias) == ("others", "")
    change_cluster(admin, pool, {"path": "others", "alias": "Fast"})


def test_a_directory_has_neither_key_nor_monitors(admin: Actor, region: Region) -> None:
    cluster = create_storage_cluster(admin, region, path="/srv/pool")
    with pytest.raises(NotNow):
        set_key(admin, cluster, key=CEPH_KEY)
    with pytest.raises(Invalid):
        change_cluster(admin, cluster, {"monitors": ["192.0.2.1"]})


@pytest.mark.requirement("CL-2")
def test_a_cluster_is_closed_to_new_disks_and_opened_again(
    ceph: PretendCeph, pool: StorageCluster, admin: Actor
) -> None:
    with pytest.raises(Refused) as refused:
        ensure_accepts_disks(pool, "cluster")
    assert refused.value.code == "storage.not_connected"
    pool = close_to_disks(admin, looked_at(pool))
    with pytest.raises(Refused) as refused:
        ensure_accepts_disks(pool, "cluster")
    assert (refused.value.code, refused.value.field) == ("storage.closed", "cluster")
    with pytest.raises(NotNow):
        close_to_disks(admin, pool)
    ensure_accepts_disks(open_to_disks(admin, pool), "cluster")


@pytest.mark.requirement("EV-6")
def test_the_rule_for_disks_is_fixed_or_grows_with_their_size(pool: StorageCluster, admin: Actor) -> None:
    usual = disk_limits(pool, 100)
    set_speed(admin, pool, iops=500, iops_per_gib=0, burst=2, burst_seconds=10)
    assert disk_limits(pool, 10)[0] == disk_limits(pool, 1000)[0] == 500
    set_speed(admin, pool, iops_per_gib=10, iops_most=1200)
    assert [disk_limits(pool, size)[0] for size in (10, 50, 100)] == [600, 1000, 1200]
    with pytest.raises(Invalid) as refused:
        set_speed(admin, pool, iops=2000)
    assert list(refused.value.fields) == ["iops_most"]
    set_speed(admin, pool, iops=None, iops_per_gib=None, iops_most=None)
    assert disk_limits(pool, 100) == usual


@pytest.mark.requirement("EV-6")
def test_the_form_of_the_rule_leaves_to_the_medium_what_is_left_empty(
    pool: StorageCluster, ada: User
) -> None:
    pages, path = factories.page_client(ada), f"/admin/storage-clusters/{pool.pk}/set-speed/"
    assert "Empty for the default of SSD: 1800." in pages.get(path).content.decode()
    form = {"qos_iops": "700", "qos_iops_per_gib": "0", "qos_burst": "1", "qos_burst_seconds": "1"}
    assert pages.post(path, form).status_code == 302
    pool.refresh_from_db()
    assert (pool.qos_iops, pool.qos_iops_per_gib, pool.qos_mib) == (700, 0, None)
    wrong = pages.post(path, {**form, "qos_iops_most": "600"})
    assert wrong.status_code == 422 and "At least the base of 700." in wrong.content.decode()


@pytest.mark.requirement("CL-2")
def test_the_portal_connects_a_pool_and_leads_to_its_page(
    ceph: PretendCeph, ada: User, region: Region
) -> None:
    form = {
        "region": region.pk,
        "media": "nvme",
        "driver": "rbd",
        "path": "vms",
        "monitors": "192.0.2.1\n192.0.2.2, 192.0.2.3:6789\n",
        "user": "scloud",
        "key": CEPH_KEY,
        "max_disk_gib": 2000,
        "overcommit": 200,
    }
    made = factories.page_client(ada).post("/admin/storage-clusters/create/", form)
    pool = StorageCluster.objects.get()
    assert (made.status_code, made["Location"]) == (302, f"/admin/storage-clusters/{pool.pk}/")
    assert pool.monitors == ["192.0.2.1:3300", "192.0.2.2:3300", "192.0.2.3:6789"]
    assert (pool.name, pool.overcommit, unseal(pool.sealed_key)) == ("NVMe-1", 200, CEPH_KEY)
    page = factories.page_client(ada).get(f"/admin/storage-clusters/{pool.pk}/").content.decode()
    assert "Testing connection" in page


@pytest.mark.requirement("CL-2")
def test_the_form_changes_what_is_filled_in_and_keeps_the_rest(pool: StorageCluster, ada: User) -> None:
    pages, path = factories.page_client(ada), f"/admin/storage-clusters/{pool.pk}/change/"
    assert "192.0.2.1:3300\n192.0.2.2:6789" in pages.get(path).content.decode()
    form = {"name": "Main", "alias": "", "monitors": "", "user": "", "path": "", "max_disk_gib": 500}
    assert pages.post(path, form).status_code == 302
    pool.refresh_from_db()
    assert (pool.name, pool.max_disk_gib, pool.path, pool.pool_user) == ("Main", 500, "vms", "scloud")
    directory = factories.make_storage(pool.region)
    page = pages.get(f"/admin/storage-clusters/{directory.pk}/change/").content.decode()
    assert 'name="monitors"' not in page


def test_a_test_of_the_connection_is_requested_over_the_api(
    ceph: PretendCeph, pool: StorageCluster, ada: User, admin: Actor
) -> None:
    looked_at(pool)
    answer = factories.session_client(ada).post(f"/api/v1/storage-clusters/{pool.pk}/test")
    assert (answer.status_code, answer.json()["connection"]["status"]) == (200, "checking")
    assert AuditEntry.objects.filter(verb="storage_cluster.test").exists()
    check_connection(admin, pool)
    assert len(ceph.probed) == 1


def test_a_pool_that_hangs_keeps_no_other_from_being_looked_at(
    ceph: PretendCeph, pool: StorageCluster, admin: Actor, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_storage_cluster(admin, region, **ACCESS)
    ceph.is_(other)
    ceph.is_(pool, trouble="unreachable")
    other_seen = Event()

    def probe(spec: PoolSpec, key: str) -> PoolObservation:
        if spec.id == str(pool.pk):
            assert other_seen.wait(10)
            return ceph._probe(spec, key)
        seen = ceph._probe(spec, key)
        other_seen.set()
        return seen

    monkeypatch.setitem(backends.POOL_PROBES, "rbd", probe)
    observe_health()
    assert [reach(each)[0] for each in (pool, other)] == [Reach.FAILED, Reach.CONNECTED]
    ceph.is_(pool)
    observe_clusters()
    assert reach(pool)[0] is Reach.CONNECTED


@pytest.mark.requirement("CL-3")
def test_what_is_in_a_cluster_is_named_when_it_is_to_be_deleted(pool: StorageCluster, ada: User) -> None:
    Disk.objects.create(kind="disk", name="data-7", cluster=pool, size_gib=10, region=pool.region)
    client = factories.session_client(ada)
    refused = client.delete(f"/api/v1/storage-clusters/{pool.pk}")
    assert (refused.status_code, refused.json()["code"]) == (409, "resource.in_use")
    assert "data-7" in refused.json()["title"]
    Disk.objects.all().delete()
    assert client.delete(f"/api/v1/storage-clusters/{pool.pk}").status_code == 204
