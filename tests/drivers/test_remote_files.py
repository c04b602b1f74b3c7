"""The volumes contract through the agent of a pretend host, on a pool that every host mounts."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.drivers.files import qcow2
from apps.drivers.protocols import Volumes
from apps.drivers.specs import ImageInfo, ImageSpec, PoolSpec, VolumeSpec
from tests.drivers.contracts.volumes import SnapshotsContract, VolumesContract
from tests.drivers.real_agents import HOST_POOLS, RealAgent, running_agent, shared_pool
from tests.drivers.samples import DATA_AT, byte_at, fill, make_bootable
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


class SeenFromHere:
    """The host's volumes, told of files by the names they have on this machine."""

    def __init__(self, remote: Volumes, here: Path) -> None:
        self._remote = remote
        self._here = here

    def __getattr__(self, name: str) -> Any:
        return getattr(self._remote, name)

    def ensure_image(self, spec: ImageSpec, source: str) -> ImageInfo:
        return self._remote.ensure_image(spec, source.replace(str(self._here), HOST_POOLS))


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
def volumes(agent: RealAgent, onebox: Onebox) -> Any:
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


@pytest.fixture
def other_pool(onebox: Onebox) -> Iterator[PoolSpec]:
    with shared_pool(onebox) as (made, _):
        yield made


class Here:
    """Looks at volumes where they are on this machine."""

    @pytest.fixture(autouse=True)
    def _remember_folder(self, onebox: Onebox) -> None:
        self.here = onebox.shared

    def path(self, volume: VolumeSpec) -> Path:
        return self.here / Path(volume.pool.path).name / "volumes" / f"{volume.id}.qcow2"

    def size_gib(self, volumes: object, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        return qcow2.virtual_bytes(self.path(volume)) >> 30


class TestRemoteFileVolumes(Here, VolumesContract):
    pass


class TestRemoteFileSnapshots(Here, SnapshotsContract):
    def write(self, volume: VolumeSpec, byte: int) -> None:
        fill(self.path(volume), byte)

    def byte_in(self, volume: VolumeSpec) -> int:
        return byte_at(self.path(volume), DATA_AT)

    def starts(self, volume: VolumeSpec) -> bool:
        return byte_at(self.path(volume), 511) == 0xAA
