"""The volumes contract on a real Ceph cluster: librbd from here, images by the agent of a pretend host."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
import rbd
from onebox.ceph_site import CephSite

from apps.drivers.protocols import Volumes
from apps.drivers.rbd.names import unfinished_name
from apps.drivers.rbd.volumes import RbdVolumes
from apps.drivers.specs import PoolKind, PoolSpec, VolumeSpec
from tests.drivers.ceph_pools import ByPool, CephPool, make_pool
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.volumes import SnapshotsContract, VolumesContract
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import DATA_AT, an_image, make_bootable
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def pools(ceph: CephSite) -> Iterator[tuple[CephPool, CephPool]]:
    made = make_pool(ceph, "contract"), make_pool(ceph, "other")
    yield made
    for pool in made:
        pool.cluster.close()


@pytest.fixture(scope="module")
def agent(onebox: Onebox, pools: tuple[CephPool, CephPool]) -> Iterator[RealAgent]:
    with running_agent(onebox, onebox.hosts[0]) as running:
        for pool in pools:
            running.remote.hypervisor().ensure_pool_key(pool.pool_key)
        yield running
        for pool in pools:
            running.remote.hypervisor().ensure_pool_key_absent(pool.spec.id)


@pytest.fixture
def ceph_pool(pools: tuple[CephPool, CephPool]) -> Iterator[CephPool]:
    yield pools[0]
    for pool in pools:
        pool.empty()


@pytest.fixture
def pool(ceph_pool: CephPool) -> PoolSpec:
    return ceph_pool.spec


@pytest.fixture
def other_pool(pools: tuple[CephPool, CephPool]) -> PoolSpec:
    return pools[1].spec


@pytest.fixture
def volumes(agent: RealAgent, pools: tuple[CephPool, CephPool], ceph_pool: CephPool) -> Volumes:
    drivers = {
        each.spec.id: cast("Volumes", RbdVolumes(each.cluster, hosts=agent.remote.volumes)) for each in pools
    }
    return cast("Volumes", ByPool(drivers))


@pytest.fixture
def uploads(onebox: Onebox) -> Iterator[Path]:
    """The import directory that the hosts share; only what a test has put there is removed."""
    folder = onebox.shared / "import"
    before = set(folder.iterdir())
    yield folder
    for path in set(folder.iterdir()) - before:
        path.unlink()


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def source(uploads: Path) -> str:
    path = uploads / "clean.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    make_bootable(path)
    return str(path)


@pytest.fixture
def backed_source(uploads: Path) -> str:
    qemu_img("create", "-f", "raw", uploads / "secret", "1M")
    path = uploads / "backed.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", uploads / "secret", "-F", "raw", path)
    return str(path)


class TestRbdVolumes(VolumesContract):
    @pytest.fixture(autouse=True)
    def _pool(self, ceph_pool: CephPool) -> None:
        self.ceph_pool = ceph_pool

    def size_gib(self, volumes: Volumes, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        return self.ceph_pool.size_gib(volume)


class TestRbdSnapshots(SnapshotsContract):
    @pytest.fixture(autouse=True)
    def _pool(self, ceph_pool: CephPool) -> None:
        self.ceph_pool = ceph_pool

    def size_gib(self, volumes: Volumes, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        return self.ceph_pool.size_gib(volume)

    def write(self, volume: VolumeSpec, byte: int) -> None:
        self.ceph_pool.write(volume, byte)

    def byte_in(self, volume: VolumeSpec) -> int:
        return self.ceph_pool.read(volume, DATA_AT, 1)[0]

    def starts(self, volume: VolumeSpec) -> bool:
        return self.ceph_pool.read(volume, 510, 2) == b"\x55\xaa"


@pytest.mark.requirement("IM-4")
def test_an_image_is_copied_between_files_and_ceph(
    onebox: Onebox, agent: RealAgent, volumes: Volumes, ceph_pool: CephPool, source: str
) -> None:
    with shared_pool(onebox) as (files, folder):
        (folder / "import").mkdir(mode=0o700)
        shutil.copy(source, folder / "import")
        hosts = agent.remote.volumes()
        original = an_image(files)
        hosts.ensure_image(original, f"{files.path}/import/{Path(source).name}")

        in_ceph = an_image(ceph_pool.spec)
        for _ in range(2):
            copied = volumes.ensure_image_copy(in_ceph, original)
            assert (copied.virtual_bytes, copied.source_format) == (64 << 20, "qcow2")
        back = an_image(files)
        for _ in range(2):
            copied = hosts.ensure_image_copy(back, in_ceph)
            assert (copied.virtual_bytes, copied.source_format) == (64 << 20, "qcow2")
        qemu_img(
            "compare", folder / "images" / f"{original.id}.qcow2", folder / "images" / f"{back.id}.qcow2"
        )
        with refused("volumes.image_missing"):
            volumes.ensure_image_copy(an_image(ceph_pool.spec), an_image(files))
        with refused("volumes.image_missing"):
            hosts.ensure_image_copy(an_image(files), an_image(ceph_pool.spec))


@pytest.mark.requirement("OP-2")
def test_what_a_killed_import_left_is_told_discarded_and_written_again(
    volumes: Volumes, ceph_pool: CephPool, source: str
) -> None:
    image = an_image(ceph_pool.spec)
    with ceph_pool.cluster.use() as context:
        rbd.RBD().create(context, unfinished_name(image.id), 1 << 20)
    (left,) = volumes.inventory(ceph_pool.spec).unfinished
    assert (left.kind, left.id) == (PoolKind.IMAGE, image.id)
    volumes.discard_unfinished(ceph_pool.spec, PoolKind.IMAGE, image.id, 3600)
    assert volumes.inventory(ceph_pool.spec).unfinished != ()
    assert volumes.ensure_image(image, source).virtual_bytes == 64 << 20
    assert volumes.inventory(ceph_pool.spec).unfinished == ()
    with ceph_pool.cluster.use() as context:
        rbd.RBD().create(context, unfinished_name(image.id), 1 << 20)
    volumes.discard_unfinished(ceph_pool.spec, PoolKind.IMAGE, image.id, 0)
    assert volumes.inventory(ceph_pool.spec).unfinished == ()
