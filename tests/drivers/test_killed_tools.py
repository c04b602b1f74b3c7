"""Runs of qemu-img and writers that were killed, and what is left of them."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.drivers.files import FileVolumes
from apps.drivers.files.layout import volume_path
from apps.drivers.files.qemu_img import create
from apps.drivers.libvirt import seed
from apps.drivers.specs import ImageSpec, PoolSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.volumes import a_copy, a_snapshot
from tests.drivers.samples import DATA_AT, a_pool, a_volume, byte_at, fill, make_bootable, new_id

pytestmark = pytest.mark.requirement("OP-2")


@pytest.fixture
def pool(tmp_path: Path) -> PoolSpec:
    return PoolSpec(id=a_pool().id, driver="file", path=str(tmp_path))


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A directory that an unprivileged tool may pass through, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def a_tool_that_is_killed(directory: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> Path:
    """Put a qemu-img before the real one that is killed when it is requested `word`; return the file that ends this."""
    repaired, tool = directory / "repaired", directory / "bin" / "qemu-img"
    tool.parent.mkdir()
    real = next(path for path in os.environ["PATH"].split(":") if (Path(path) / "qemu-img").exists())
    tool.write_text(
        f'#!/bin/sh\n[ "$1" != {word} ] || [ -e {repaired} ] || kill -9 $$\nexec {real}/qemu-img "$@"\n'
    )
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return repaired


@pytest.mark.parametrize("word", ["convert", "check"])
def test_an_image_whose_copying_was_killed_is_not_refused_for_good(
    pool: PoolSpec, tmp_path: Path, everybodys: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    source = tmp_path / "import" / "source.qcow2"
    source.parent.mkdir()
    create(source, 1 << 20)
    make_bootable(source)
    repaired = a_tool_that_is_killed(everybodys, monkeypatch, word)
    image, volumes = ImageSpec(id=new_id(), pool=pool), FileVolumes()
    with refused("volumes.failed"):
        volumes.ensure_image(image, str(source))
    repaired.touch()
    assert volumes.ensure_image(image, str(source)).virtual_bytes == 1 << 20


def test_a_second_name_that_a_killed_run_left_goes_with_the_next_run(pool: PoolSpec) -> None:
    volume, volumes = a_volume(pool), FileVolumes()
    volumes.ensure_volume(volume)
    path = volume_path(volume)
    second = path.with_name(f"{path.name}.0badcafe.partial")
    os.link(path, second)
    volumes.ensure_volume(volume)
    assert not second.exists()
    assert path.exists()


def test_removing_first_boot_data_removes_what_a_killed_writer_left(tmp_path: Path) -> None:
    path = tmp_path / "seeds" / "vm.iso"
    seed.write(path, b"whole")
    path.with_suffix(".partial").write_bytes(b"ha")
    seed.remove(path)
    assert list(path.parent.iterdir()) == []


def test_a_copy_that_was_killed_half_way_is_made_from_its_start(
    pool: PoolSpec, everybodys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes, snapshot = FileVolumes(), a_snapshot(a_volume(pool))
    volumes.ensure_volume(snapshot.volume)
    fill(volume_path(snapshot.volume), 1)
    volumes.ensure_snapshot(snapshot)
    repaired = a_tool_that_is_killed(everybodys, monkeypatch, "convert")
    copy = a_copy(snapshot)
    with refused("volumes.failed"):
        volumes.ensure_volume(copy)
    assert os.listdir(pool.path + "/volumes") == [f"{snapshot.volume.id}.qcow2"]
    # A killed agent leaves all it had.
    for end in ("0badcafe.partial", "0badcafe.progress.partial"):
        volume_path(copy).with_name(f"{copy.id}.qcow2.{end}").write_bytes(b"half")
    repaired.touch()
    volumes.ensure_volume(copy)
    assert byte_at(volume_path(copy), DATA_AT) == 1
    assert sorted(os.listdir(pool.path + "/volumes")) == sorted(
        f"{id}.qcow2" for id in (snapshot.volume.id, copy.id)
    )
