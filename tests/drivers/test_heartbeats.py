"""Hosts' heartbeats in directories and in Ceph pools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from onebox.ceph_site import CephSite

from apps.agent.storage_heartbeat import Heartbeats
from apps.drivers.files import heartbeat
from apps.drivers.rbd.heartbeat import RadosHeartbeats
from apps.drivers.specs import PoolSpec
from tests.drivers.ceph_pools import CephPool, make_pool
from tests.drivers.contracts.heartbeat import HeartbeatContract
from tests.drivers.samples import new_id

pytestmark = pytest.mark.requirement("CL-7")


class TestInADirectory(HeartbeatContract):
    @pytest.fixture
    def pool(self, tmp_path: Path) -> PoolSpec:
        return PoolSpec(new_id(), "file", str(tmp_path))

    @pytest.fixture
    def kept(self) -> Heartbeats:
        return heartbeat

    @pytest.fixture
    def elsewhere(self) -> Heartbeats:
        return heartbeat


@pytest.mark.real
class TestInCeph(HeartbeatContract):
    @pytest.fixture
    def ceph_pool(self, ceph: CephSite) -> Iterator[CephPool]:
        made = make_pool(ceph, "heartbeats")
        yield made
        made.empty()
        with made.cluster.use() as context:
            for found in list(context.list_objects()):
                if found.key.startswith("scloud_heartbeat."):
                    context.remove_object(found.key)
        made.cluster.close()

    @pytest.fixture
    def pool(self, ceph_pool: CephPool) -> PoolSpec:
        return ceph_pool.spec

    @pytest.fixture
    def kept(self, ceph_pool: CephPool) -> Heartbeats:
        return RadosHeartbeats(lambda _pool: ceph_pool.key)

    @pytest.fixture
    def elsewhere(self, ceph_pool: CephPool) -> Heartbeats:
        return RadosHeartbeats(lambda _pool: ceph_pool.key)
