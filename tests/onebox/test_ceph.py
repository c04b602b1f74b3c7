"""The Ceph site: healthy after each start, gone at once without power, and in reach of the management network only."""

from __future__ import annotations

from pathlib import Path

import pytest
from onebox import ceph_cluster
from onebox.ceph_site import CephSite
from onebox.shell import run

from tests.onebox import sockets
from tests.onebox.conftest import processes_below
from tests.onebox.listeners import LISTENERS
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def test_a_power_cut_ends_all_of_it_at_once_and_its_data_are_kept(onebox: Onebox, ceph: CephSite) -> None:
    ceph.exec("rados", "--pool", ceph_cluster.POOL, "put", "kept", "/etc/hostname")
    assert ceph.daemons().keys() == {"mon.a", "mgr.x", "osd.0", "osd.1", "osd.2"}

    ceph.power_cut()

    mounts = Path("/proc/self/mountinfo").read_text()
    links = run(["ip", "-n", onebox.instance.namespace, "link"]).stdout
    assert (str(ceph.root) in mounts, "h9-" in links, processes_below(ceph.directory)) == (False, False, [])

    ceph_cluster.start(ceph)
    assert ceph.ceph("health")["status"] == "HEALTH_OK"
    ceph.exec("rados", "--pool", ceph_cluster.POOL, "stat", "kept")
    ceph.exec("rados", "--pool", ceph_cluster.POOL, "rm", "kept")


def test_starting_what_runs_changes_nothing(ceph: CephSite) -> None:
    before = ceph.pid(), ceph.daemons()
    ceph_cluster.start(ceph)
    assert (ceph.pid(), ceph.daemons()) == before


@pytest.mark.requirement("SE-4")
def test_the_platforms_user_may_use_its_pool_and_nothing_else(ceph: CephSite) -> None:
    caps = ceph.ceph("auth", "get", f"client.{ceph_cluster.USER}")[0]["caps"]
    assert caps == {"mon": "profile rbd", "osd": f"profile rbd pool={ceph_cluster.POOL}"}


@pytest.mark.requirement("SE-7")
def test_every_listener_of_ceph_has_a_row(ceph: CephSite) -> None:
    rows = [row for row in LISTENERS if row.place == "ceph"]
    found = sockets.listening(ceph)
    assert {socket.process for socket in found} == {row.process for row in rows}
    assert {
        socket
        for socket in found
        if socket.address != ceph.address
        or not any(
            (row.process, row.kind) == (socket.process, socket.kind)
            and socket.port in row.port_range(ceph.instance)
            for row in rows
        )
    } == set()
