"""The volumes contract through the agent of a pretend host, on a pool that every host mounts."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.drivers.files import qcow2
from apps.drivers.protocols import Volumes
from apps.drivers.specs import (
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    VolumeSpec,
)
from tests.drivers.contracts.volumes import VolumesContract
from tests.drivers.real_agents import HOST_POOLS, RealAgent, running_agent, shared_pool
from tests.drivers.samples import make_bootable
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@dataclass
class SeenFromHere:
    """The host's volumes, told of files by the names they have on this machine."""

    remote: Volumes
    here: Path

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        return self.remote.ensure_image(spec, source.replace(str(self.here), HOST_POOLS))

    def ensure_image_absent(self, spec: ImageSpec) -> None:
        self.remote.ensure_image_absent(spec)

    def ensure_volume(self, spec: VolumeSpec) -> None:
        self.remote.ensure_volume(spec)

    def ensure_volume_absent(self, spec: VolumeSpec) -> None:
        self.remote.ensure_volume_absent(spec)

    def observe(self, pool: PoolSpec) -> PoolObservation:
        return self.remote.observe(pool)

    def inventory(self, pool: PoolSpec) -> PoolInventory:
        return self.remote.inventory(pool)

    def discard_unfinished(self, pool: PoolSpec, kind: PoolKind, id: str, idle_seconds: float) -> None:
        self.remote.discard_unfinished(pool, kind, id, idle_seconds)


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def agent(onebox: Onebox) -> Iterator[RealAgent]:
    with running_agent(onebox, onebox.hosts[1]) as running:
        yield running


@pytest.fixture
def pool(onebox: Onebox) -> Iterator[PoolSpec]:
    with shared_pool(onebox) as (made, _):
        yield made


@pytest.fixture
def uploads(onebox: Onebox, pool: PoolSpec) -> Iterator[Path]:
    folder = onebox.shared / Path(pool.path).name / "import"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def volumes(agent: RealAgent, onebox: Onebox) -> SeenFromHere:
    return SeenFromHere(agent.remote.volumes(), onebox.shared)


@pytest.fixture
def source(uploads: Path) -> str:
    path = uploads / "clean.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    qemu_img("bench", "-w", "-c", "8", "-f", "qcow2", path)
    make_bootable(path)
    return str(path)


@pytest.fixture
def backed_source(uploads: Path) -> str:
    path = uploads / "backed.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", "/etc/passwd", "-F", "raw", path)
    return str(path)


class TestRemoteFileVolumes(VolumesContract):
    @pytest.fixture(autouse=True)
    def _remember_folder(self, onebox: Onebox) -> None:
        self.here = onebox.shared

    def size_gib(self, volumes: object, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        folder = self.here / Path(volume.pool.path).name / "volumes"
        return qcow2.virtual_bytes(folder / f"{volume.id}.qcow2") >> 30
