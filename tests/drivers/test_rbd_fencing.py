"""Clients of Ceph that are dead, or must not write any more: shut out at once, and nobody else is."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import rbd
from onebox.ceph_site import CephSite
from onebox.shell import patience

from apps.drivers.rbd import fencing
from apps.drivers.rbd.names import volume_name
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import VolumeSpec
from tests.drivers.ceph_pools import CephPool, make_pool
from tests.drivers.samples import a_volume

pytestmark = [pytest.mark.real, pytest.mark.timeout(240), pytest.mark.requirement("OP-2")]

PROGRAM = Path(__file__).with_name("rbd_client.py")
#: Ceph gives a silent client of the test site up after 15 s, of a real one after 30 s.
AT_ONCE_SECONDS = 5


@dataclass
class Client:
    """Another process that has a volume open, with its lock."""

    process: "subprocess.Popen[str]"

    def say(self, line: str = "") -> str:
        """Have it go on, and return what it says."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        """Have it close the volume and end, as a QEMU does whose VM is powered off."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture
def pool(ceph: CephSite) -> Iterator[CephPool]:
    made = make_pool(ceph, "fencing")
    yield made
    made.empty()
    made.cluster.close()


@pytest.fixture
def volume(pool: CephPool) -> VolumeSpec:
    made = a_volume(pool.spec)
    RbdVolumes(pool.cluster).ensure_volume(made)
    return made


@contextmanager
def holding(pool: CephPool, volume: VolumeSpec) -> Iterator[Client]:
    """Give a client that holds the lock of a volume."""
    place = (",".join(pool.spec.monitors), pool.spec.path, pool.spec.user, volume_name(volume.id))
    process = subprocess.Popen(
        [sys.executable, PROGRAM, *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    client = Client(process)
    try:
        assert client.say(pool.key) == "holds"
        yield client
    finally:
        process.kill()
        process.wait()


def clients(pool: CephPool, volume: VolumeSpec) -> set[str]:
    with pool.cluster.use() as context:
        return fencing.clients(context, volume)


def test_a_client_that_hangs_is_shut_out_the_next_writes_at_once_and_no_write_of_it_comes_later(
    ceph: CephSite, pool: CephPool, volume: VolumeSpec
) -> None:
    volumes = RbdVolumes(pool.cluster)
    assert volumes.fence_clients([volume, a_volume(pool.spec)], {"192.0.2.1"}) == ()
    with holding(pool, volume) as hung:
        (held_by,) = clients(pool, volume)
        host = fencing.host_of(held_by)
        hung.process.send_signal(signal.SIGSTOP)
        assert volumes.fence_clients([volume], {"192.0.2.1"}) == ()
        assert volumes.fence_clients([volume, a_volume(pool.spec)], {host}) == (held_by,)
        began = time.monotonic()
        pool.write(volume, 7)
        assert time.monotonic() - began < patience(AT_ONCE_SECONDS)
        hung.process.send_signal(signal.SIGCONT)
        assert hung.say().startswith("refused")
        assert pool.read(volume, 0, 3) == b"old"
    assert volumes.fence_clients([volume], {host}) == ()
    assert f"{held_by} " in ceph.exec("ceph", "osd", "blocklist", "ls")


def test_the_lock_of_a_client_that_was_killed_is_taken_over_at_once(
    pool: CephPool, volume: VolumeSpec
) -> None:
    with holding(pool, volume) as killed:
        (held_by,) = clients(pool, volume)
        killed.process.kill()
        killed.process.wait()
    began = time.monotonic()
    assert RbdVolumes(pool.cluster).fence_clients([volume], {fencing.host_of(held_by)}) == (held_by,)
    pool.write(volume, 7)
    assert time.monotonic() - began < patience(AT_ONCE_SECONDS)


def test_nobody_is_shut_out_once_the_guard_refuses(pool: CephPool, volume: VolumeSpec) -> None:
    class Lost(Exception):
        pass

    def guard() -> None:
        raise Lost

    with holding(pool, volume) as client:
        (held_by,) = clients(pool, volume)
        with pytest.raises(Lost):
            RbdVolumes(pool.cluster, guard).fence_clients([volume], {fencing.host_of(held_by)})
        assert client.say() == "written"
        client.leave()


def test_a_part_of_a_volume_has_no_clients(pool: CephPool, volume: VolumeSpec) -> None:
    pool.damage(volume, "header")
    assert RbdVolumes(pool.cluster).fence_clients([volume], {"127.0.0.1"}) == ()
    with pool.cluster.use() as context:
        rbd.RBD().remove(context, volume_name(volume.id))


@pytest.mark.parametrize(
    ("client", "host"),
    [
        ("172.31.0.11:0/42", "172.31.0.11"),
        ("v1:172.31.0.11:0/42", "172.31.0.11"),
        ("[2001:db8::1]:0/42", "2001:db8::1"),
        ("any:[2001:db8::1]:0/42", "2001:db8::1"),
        ("", ""),
    ],
)
def test_a_clients_address_is_read_in_each_of_its_forms(client: str, host: str) -> None:
    assert fencing.host_of(client) == host
