"""A host's heartbeats on shared storage, and what it reads of its peers': in directories and in Ceph pools alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rados
import redis
from cryptography.fernet import Fernet
from onebox.shell import wait_until

from apps.agent.storage_heartbeat import Heartbeats, StorageHeartbeat
from apps.drivers.files import heartbeat
from apps.drivers.rbd.heartbeat import RadosHeartbeats
from apps.drivers.sealing import Seal
from apps.drivers.specs import HeartbeatPlan, PeerReport, PoolSpec
from tests.agent.pretend_rados import PretendCluster
from tests.drivers.contracts.heartbeat import HeartbeatContract
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("CL-7")
PERIOD = 0.05


@pytest.fixture
def ceph(monkeypatch: pytest.MonkeyPatch) -> PretendCluster:
    cluster = PretendCluster()
    monkeypatch.setattr(rados, "Rados", cluster.client)
    return cluster


@pytest.fixture
def kept_in(ceph: PretendCluster) -> dict[str, Heartbeats]:
    return {"file": heartbeat, "rbd": RadosHeartbeats(lambda _pool: "key")}


def ceph_pool() -> PoolSpec:
    return PoolSpec(new_id(), "rbd", "volumes", ("192.0.2.9:3300",), "scloud")


@pytest.fixture
def beating(redis_port: int, kept_in: dict[str, Heartbeats]) -> Iterator[Callable[..., StorageHeartbeat]]:
    started: list[StorageHeartbeat] = []

    def start(name: str, *peers: str, pools: tuple[PoolSpec, ...]) -> StorageHeartbeat:
        client = redis.Redis(port=redis_port)
        plan = HeartbeatPlan(name, peers, pools)
        beat = StorageHeartbeat(name, Seal(Fernet.generate_key()), client, lambda: plan, kept_in, PERIOD)
        started.append(beat)
        beat.start()
        return beat

    yield start
    for beat in started:
        beat.stop()


def age_of(report: PeerReport, host: str) -> float | None:
    return next((beat.age for beat in report.peers if beat.host == host), None)


def is_fresh(reader: StorageHeartbeat, host: str) -> bool:
    age = age_of(reader.report(), host)
    return age is not None and age < 1


class TestPretendCeph(HeartbeatContract):
    @pytest.fixture
    def pool(self, ceph: PretendCluster) -> PoolSpec:
        return ceph_pool()

    @pytest.fixture
    def kept(self) -> Heartbeats:
        return RadosHeartbeats(lambda _pool: "key")

    @pytest.fixture
    def elsewhere(self) -> Heartbeats:
        return RadosHeartbeats(lambda _pool: "key")


@contextmanager
def stopped(beat: StorageHeartbeat) -> Iterator[None]:
    beat.stop()
    yield


@pytest.mark.parametrize("driver", ["file", "rbd"])
def test_a_host_whose_heartbeat_stops_grows_old_in_the_eyes_of_its_peers(
    driver: str, tmp_path: Path, beating: Callable[..., StorageHeartbeat]
) -> None:
    pool = ceph_pool() if driver == "rbd" else PoolSpec(new_id(), "file", str(tmp_path))
    one, two = beating("host-1", "host-2", pools=(pool,)), beating("host-2", "host-1", pools=(pool,))
    wait_until(lambda: is_fresh(one, "host-2") and is_fresh(two, "host-1"), "both to be read", seconds=20)
    with stopped(two):
        wait_until(lambda: (age_of(one.report(), "host-2") or 0) > 1, "its heartbeat to grow old", seconds=20)
    assert one.report().own_age < 1


def test_a_ceph_cluster_that_hangs_says_nothing_of_anybody_and_stops_no_other_pool(
    tmp_path: Path, ceph: PretendCluster, beating: Callable[..., StorageHeartbeat]
) -> None:
    pools = (ceph_pool(), PoolSpec(new_id(), "file", str(tmp_path)))
    one, _two = beating("host-1", "host-2", pools=pools), beating("host-2", pools=pools)
    alone = beating("host-3", "host-2", pools=pools[:1])
    wait_until(lambda: is_fresh(one, "host-2") and is_fresh(alone, "host-2"), "to be read", seconds=20)
    ceph.hangs = True
    wait_until(lambda: age_of(alone.report(), "host-2") is None, "nothing to be said", seconds=20)
    assert is_fresh(one, "host-2"), "the other pool is read on"
    ceph.hangs = False
    wait_until(lambda: is_fresh(alone, "host-2"), "it to be read again", seconds=20)


def test_a_connection_to_ceph_is_kept_while_it_answers(
    ceph: PretendCluster, beating: Callable[..., StorageHeartbeat]
) -> None:
    one = beating("host-1", pools=(ceph_pool(),))
    wait_until(lambda: one.report().own_age < 1 and bool(ceph.objects), "a heartbeat", seconds=20)
    time.sleep(5 * PERIOD)
    assert ceph.connections == 1
