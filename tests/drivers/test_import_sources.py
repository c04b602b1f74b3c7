"""Attacks on an import: by what stands in the import directory, and by an image that takes qemu-img over."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.drivers.files import FileVolumes, sources
from apps.drivers.files.qemu_img import create
from apps.drivers.specs import PoolSpec
from apps.drivers.tools import GIB, UNPRIVILEGED_ID
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_pool, an_image, make_bootable

pytestmark = [pytest.mark.requirement("SE-5"), pytest.mark.requirement("SE-10")]

RAW_DISK = bytes(510) + b"\x55\xaa" + bytes(1 << 20)


@pytest.fixture
def pool(tmp_path: Path, uploads: Path) -> PoolSpec:
    return a_pool(tmp_path / "pool")


@pytest.fixture
def secret(tmp_path: Path, pool: PoolSpec) -> Path:
    """Another file of the host, which would pass for an image."""
    path = tmp_path / "secret"
    path.write_bytes(RAW_DISK)
    return path


@pytest.fixture
def volumes() -> FileVolumes:
    return FileVolumes(image_limit_bytes=GIB)


def images_in(pool: PoolSpec) -> list[str]:
    return os.listdir(Path(pool.path) / "images")


def symbolic_link(name: Path, secret: Path) -> Path:
    name.symlink_to(secret)
    return name


def link_in_between(name: Path, secret: Path) -> Path:
    name.symlink_to(secret.parent)
    return name / secret.name


def hard_link(name: Path, secret: Path) -> Path:
    name.hardlink_to(secret)
    return name


def pipe(name: Path, secret: Path) -> Path:
    os.mkfifo(name)
    return name


def device(name: Path, secret: Path) -> Path:
    os.mknod(name, 0o20666, os.makedev(1, 5))
    return name


def listener(name: Path, secret: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(name))
    return name


def directory(name: Path, secret: Path) -> Path:
    name.mkdir()
    return name


def outside(name: Path, secret: Path) -> Path:
    return secret


def way_out(name: Path, secret: Path) -> Path:
    return name.parent / ".." / ".." / secret.name


def volume_of_a_guest(name: Path, secret: Path) -> Path:
    volume = name.parent.parent / "volumes" / "x.qcow2"
    volume.parent.mkdir()
    shutil.copy(secret, volume)
    return volume


@pytest.mark.parametrize(
    "plant",
    [
        symbolic_link,
        link_in_between,
        hard_link,
        pipe,
        device,
        listener,
        directory,
        outside,
        way_out,
        volume_of_a_guest,
    ],
    ids=lambda plant: plant.__name__,
)
@pytest.mark.timeout(30)
def test_only_a_plain_file_of_the_import_directory_is_read(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, secret: Path, plant: Callable[[Path, Path], Path]
) -> None:
    with refused("volumes.source_refused"):
        volumes.ensure_image(an_image(pool), str(plant(uploads / "disk.raw", secret)))
    assert images_in(pool) == []


def test_a_file_exchanged_for_a_link_after_its_check_is_not_followed(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = uploads / "disk.raw"
    source.write_bytes(RAW_DISK[:-1] + b"!")
    secret.write_bytes(RAW_DISK[:-1] + b"?")
    copy = sources.copy_data

    def exchanged(original: int, target: int, size: int) -> None:
        source.rename(uploads / "moved")
        source.symlink_to(secret)
        copy(original, target, size)
        assert os.pread(target, 1, size - 1) == b"!"

    monkeypatch.setattr(sources, "copy_data", exchanged)
    with refused("volumes.source_changed"):  # renaming it is a change
        volumes.ensure_image(an_image(pool), str(source))
    assert images_in(pool) == []


def test_a_file_that_is_written_to_while_it_is_copied_is_not_taken(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = uploads / "disk.raw"
    source.write_bytes(RAW_DISK)
    copy = sources.copy_data

    def written(*arguments: int) -> None:
        copy(*arguments)
        with source.open("r+b") as file:
            file.write(b"other")

    monkeypatch.setattr(sources, "copy_data", written)
    with refused("volumes.source_changed"):
        volumes.ensure_image(an_image(pool), str(source))
    assert images_in(pool) == []


def test_holes_stay_holes(volumes: FileVolumes, pool: PoolSpec, uploads: Path) -> None:
    source = uploads / "sparse.raw"
    source.write_bytes(RAW_DISK)
    os.truncate(source, 900 << 20)
    assert volumes.ensure_image(an_image(pool), str(source)).stored_bytes < 4 << 20


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that everybody may pass through and write to."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def tool_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a qemu-img before the real one that does as `script` says, and is then the real one."""
    real = shutil.which("qemu-img")
    tool = folder / "bin" / "qemu-img"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\n{script}\nexec {real} "$@"\n')
    tool.chmod(0o755)
    tool.parent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")


def test_whatever_reads_an_uploaded_image_has_neither_rights_nor_network(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = open_folder / "seen"
    script = f"""
    {{ echo "== $1"; cat /proc/self/status; cat /proc/net/dev; cat /proc/self/limits
       cat /etc/shadow && echo shadow; cat {uploads}/* && echo uploads
       env; ls /proc/self/fd; }} >>{seen} 2>&1
    """
    source = uploads / "disk.qcow2"
    create(source, 1 << 20)
    make_bootable(source)
    tool_taken_over(open_folder, monkeypatch, script)
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "do-not-show-this")
    volumes.ensure_image(an_image(pool), str(source))
    runs = seen.read_text().split("== ")[1:]
    assert [run.split(maxsplit=1)[0] for run in runs] == ["info", "check", "convert"]
    for run in runs:
        lines = {
            line.split(":")[0]: line.partition(":")[2].split() for line in run.splitlines() if ":" in line
        }
        assert lines["Uid"] == lines["Gid"] == [str(UNPRIVILEGED_ID)] * 4
        assert lines["Groups"] == []
        assert lines["NoNewPrivs"] == ["1"]
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(lines[kind][0], 16) == 0, kind
        interfaces = [
            line.split(":")[0].strip() for line in run.splitlines() if line.strip().startswith("eth")
        ]
        assert interfaces == [], "a network of the host"
        assert "\nshadow\n" not in run
        assert "\nuploads\n" not in run
        assert "do-not-show-this" not in run
        limits = {
            line[:26].strip(): line[26:].split() for line in run.splitlines() if line.startswith("Max ")
        }
        assert int(limits["Max address space"][0]) <= 2 * GIB
        assert int(limits["Max cpu time"][0]) <= 3600
        assert int(limits["Max file size"][0]) <= 2 * GIB
        assert limits["Max core file size"][0] == "0"


def test_an_image_that_never_comes_to_its_end_is_given_up(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = uploads / "disk.qcow2"
    create(source, 1 << 20)
    make_bootable(source)
    tool_taken_over(open_folder, monkeypatch, '[ "$1" != convert ] || while :; do sleep 0.1; done')
    monkeypatch.setattr("apps.drivers.files.qemu_img.LEAST_SECONDS", 1)
    with refused("driver.tool_timeout"):
        volumes.ensure_image(an_image(pool), str(source))
    assert images_in(pool) == []


def test_a_conversion_that_names_another_file_is_not_kept(
    volumes: FileVolumes, pool: PoolSpec, uploads: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that has taken qemu-img over could have its VMs read any file of the host."""
    source = uploads / "disk.qcow2"
    create(source, 1 << 20)
    make_bootable(source)
    crafted = open_folder / "crafted"
    real = shutil.which("qemu-img") or ""
    made = [real, "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw", str(crafted), "1M"]
    subprocess.run(made, check=True)
    crafted.chmod(0o644)
    script = f'if [ "$1" = convert ]; then for last; do :; done; cat {crafted} >"$last"; exit 0; fi'
    tool_taken_over(open_folder, monkeypatch, script)
    with refused("volumes.image_invalid"):
        volumes.ensure_image(an_image(pool), str(source))
    assert images_in(pool) == []
