"""Volumes as files, with the real qemu-img in a temporary directory."""

import fcntl
import os
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from apps.drivers.errors import DriverError
from apps.drivers.files import FileVolumes, copies, qcow2
from apps.drivers.files.layout import appearing, volume_path
from apps.drivers.specs import ImageSpec, PoolKind, PoolSpec, VolumeSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.volumes import SnapshotsContract, VolumesContract, a_copy, a_snapshot
from tests.drivers.samples import DATA_AT, a_pool, a_volume, an_image, byte_at, fill, make_bootable, opened
from tests.rounds import rounds


def qemu_img(*arguments: str | Path) -> None:
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def pool(tmp_path: Path) -> PoolSpec:
    folder = tmp_path / "pool"
    folder.mkdir(exist_ok=True)
    return a_pool(folder)


@pytest.fixture
def volumes() -> FileVolumes:
    return FileVolumes(image_limit_bytes=1 << 30)


@pytest.fixture
def source(uploads: Path) -> str:
    path = uploads / "clean.qcow2"
    qemu_img("create", "-f", "qcow2", path, "64M")
    qemu_img("bench", "-w", "-c", "8", "-f", "qcow2", path)
    make_bootable(path)
    return str(path)


@pytest.fixture
def backed_source(uploads: Path) -> str:
    qemu_img("create", "-f", "raw", uploads / "secret", "1M")
    path = uploads / "backed.qcow2"
    qemu_img("create", "-f", "qcow2", "-b", uploads / "secret", "-F", "raw", path)
    return str(path)


@pytest.fixture
def other_pool(tmp_path: Path) -> PoolSpec:
    folder = tmp_path / "other"
    folder.mkdir()
    return a_pool(folder)


class TestFileVolumes(VolumesContract):
    def size_gib(self, volumes: object, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        return qcow2.virtual_bytes(volume_path(volume)) >> 30


class TestFileSnapshots(SnapshotsContract):
    def write(self, volume: VolumeSpec, byte: int) -> None:
        fill(volume_path(volume), byte)

    def byte_in(self, volume: VolumeSpec) -> int:
        return byte_at(volume_path(volume), DATA_AT)

    def starts(self, volume: VolumeSpec) -> bool:
        return byte_at(volume_path(volume), 511) == 0xAA

    def size_gib(self, volumes: object, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        return qcow2.virtual_bytes(volume_path(volume)) >> 30


@pytest.mark.requirement("IM-5")
class TestImages:
    def refuse(
        self, volumes: FileVolumes, pool: PoolSpec, path: Path, code: str = "volumes.image_invalid"
    ) -> None:
        with refused(code):
            volumes.ensure_image(an_image(pool), str(path))
        assert os.listdir(Path(pool.path) / "images") == []

    @pytest.mark.parametrize("form", ["vmdk", "vpc", "vdi", "vhdx"])
    def test_other_formats_are_converted(
        self, volumes: FileVolumes, pool: PoolSpec, uploads: Path, source: str, form: str
    ) -> None:
        path = uploads / "other"
        qemu_img("convert", "-O", form, source, path)
        image = an_image(pool)
        assert volumes.ensure_image(image, str(path)).source_format == form
        assert qcow2.virtual_bytes(stored(image)) >= 64 << 20

    def test_a_raw_disk_with_a_boot_record_is_taken(
        self, volumes: FileVolumes, pool: PoolSpec, uploads: Path
    ) -> None:
        path = uploads / "disk.raw"
        path.write_bytes(bytes(510) + b"\x55\xaa" + bytes(1 << 20))
        assert volumes.ensure_image(an_image(pool), str(path)).source_format == "raw"

    def test_an_external_data_file_is_refused(
        self, volumes: FileVolumes, pool: PoolSpec, uploads: Path
    ) -> None:
        path = uploads / "external.qcow2"
        qemu_img("create", "-f", "qcow2", "-o", f"data_file={uploads}/data", path, "1M")
        self.refuse(volumes, pool, path)

    def test_a_vmdk_that_names_a_file_of_the_host_is_refused(
        self, volumes: FileVolumes, pool: PoolSpec, uploads: Path
    ) -> None:
        path = uploads / "flat.vmdk"
        qemu_img("create", "-f", "vmdk", "-o", "subformat=monolithicFlat", path, "1M")
        self.refuse(volumes, pool, path)

    def test_a_disk_over_the_limit_is_refused(
        self, volumes: FileVolumes, pool: PoolSpec, uploads: Path
    ) -> None:
        path = uploads / "huge.qcow2"
        qemu_img("create", "-f", "qcow2", path, "2G")
        self.refuse(volumes, pool, path, "volumes.image_too_large")

    def test_a_damaged_image_is_refused(self, volumes: FileVolumes, pool: PoolSpec, source: str) -> None:
        with open(source, "r+b") as file:
            file.seek(0x10000)
            file.write(b"\xff" * 0x1000)
        self.refuse(volumes, pool, Path(source))

    def test_a_truncated_image_is_refused(self, volumes: FileVolumes, pool: PoolSpec, source: str) -> None:
        os.truncate(source, 0x30200)
        self.refuse(volumes, pool, Path(source))


def stored(image: ImageSpec) -> Path:
    return Path(image.pool.path) / "images" / f"{image.id}.qcow2"


@pytest.mark.requirement("SE-5")
@pytest.mark.parametrize("bad", ["../../etc/passwd", "", "a;b", "{00000000-0000-4000-8000-000000000000}"])
def test_what_is_no_identifier_never_becomes_a_path(volumes: FileVolumes, pool: PoolSpec, bad: str) -> None:
    with refused("driver.bad_id"):
        volumes.ensure_volume(replace(a_volume(pool), id=bad))
    with refused("driver.bad_id"):
        volumes.ensure_volume(replace(a_volume(pool), image_id=bad))


def test_a_pool_that_is_not_mounted_is_not_written_to(volumes: FileVolumes, tmp_path: Path) -> None:
    with refused("volumes.pool_unavailable"):
        volumes.ensure_volume(a_volume(a_pool(tmp_path / "gone")))
    assert not (tmp_path / "gone").exists()


def test_a_volume_that_a_vm_has_open_is_neither_removed_nor_grown(
    volumes: FileVolumes, pool: PoolSpec
) -> None:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    with opened(volume_path(volume)):
        volumes.ensure_volume(volume)
        with refused("volumes.volume_in_use"):
            volumes.ensure_volume(replace(volume, size_gib=2))
        with refused("volumes.volume_in_use"):
            volumes.ensure_volume_absent(volume)
    volumes.ensure_volume_absent(volume)


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("way", ["backing file", "data file"])
def test_a_volume_that_its_qemu_has_pointed_at_another_file_is_not_grown(
    volumes: FileVolumes, pool: PoolSpec, tmp_path: Path, way: str
) -> None:
    volume, victim = a_volume(pool), tmp_path / "victim"
    volumes.ensure_volume(volume)
    path = volume_path(volume)
    path.unlink()
    qemu_img("create", "-f", "raw", victim, "1G")
    before = victim.stat()
    options = {
        "backing file": ("-b", victim, "-F", "raw"),
        "data file": ("-o", f"data_file={victim},data_file_raw=on"),
    }
    qemu_img("create", "-f", "qcow2", *options[way], path, "1G")
    with refused("volumes.volume_changed"):
        volumes.ensure_volume(replace(volume, size_gib=2))
    assert victim.stat().st_size == before.st_size


@pytest.mark.requirement("SE-10")
def test_volumes_are_private_images_cannot_be_changed_and_neither_can_be_listed(
    volumes: FileVolumes, pool: PoolSpec, source: str
) -> None:
    image = an_image(pool)
    volumes.ensure_image(image, source)
    thin, blank = a_volume(pool, image), a_volume(pool)
    for volume in (thin, blank):
        volumes.ensure_volume(volume)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in Path(pool.path).rglob("*")}
    folders = {mode for path, mode in modes.items() if path.is_dir() and path.name in ("volumes", "images")}
    assert folders == {0o711}
    assert {mode for path, mode in modes.items() if path.parent.name == "volumes"} == {0o600}
    assert modes[stored(image)] == 0o444
    assert modes[stored(image).with_suffix(".json")] == 0o600


@pytest.mark.requirement("OP-2")
def test_what_a_killed_run_left_is_removed_by_the_next(volumes: FileVolumes, pool: PoolSpec) -> None:
    volume = a_volume(pool)
    path = volume_path(volume)
    path.with_name(f"{path.name}.0badcafe.partial").write_bytes(b"half")
    assert volumes.observe(pool).of(PoolKind.VOLUME) == ()
    volumes.ensure_volume(volume)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.requirement("OP-3")
def test_unfinished_files_are_told_and_removed_once_nobody_has_written_to_them_for_long(
    volumes: FileVolumes, pool: PoolSpec
) -> None:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    path = volume_path(volume)
    partials = [path.with_name(f"{path.name}.{end}.partial") for end in ("0badcafe", "deadbeef")]
    for partial, age in zip(partials, (7200, 60), strict=True):
        partial.write_bytes(b"half")
        os.utime(partial, (time.time() - age,) * 2)

    (left,) = volumes.inventory(pool).unfinished
    assert (left.kind, left.id) == (PoolKind.VOLUME, volume.id)
    assert 60 <= left.idle_seconds < 120
    volumes.discard_unfinished(pool, PoolKind.VOLUME, volume.id, 3600)
    assert all(partial.exists() for partial in partials)
    volumes.discard_unfinished(pool, PoolKind.VOLUME, volume.id, 30)
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.requirement("OP-3")
def test_a_damaged_volume_is_in_the_inventory_without_a_size(volumes: FileVolumes, pool: PoolSpec) -> None:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    volume_path(volume).write_bytes(b"")
    assert volumes.inventory(pool).of(PoolKind.VOLUME) == {volume.id: 0}


@pytest.mark.requirement("OP-2")
def test_a_run_that_comes_second_does_not_replace_a_finished_volume(
    volumes: FileVolumes, pool: PoolSpec
) -> None:
    path = volume_path(a_volume(pool))
    with appearing(path) as late:
        late.write_bytes(b"late")
        with_data = path.with_name(path.name)
        with_data.write_bytes(b"in use")
    assert path.read_bytes() == b"in use"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.requirement("OP-2")
def test_a_run_whose_temporary_file_was_taken_fails_and_harms_nothing(pool: PoolSpec) -> None:
    path = volume_path(a_volume(pool))
    with refused("volumes.overtaken"), appearing(path) as slow:
        slow.write_bytes(b"slow")
        with appearing(path) as quick:
            quick.write_bytes(b"quick")
    assert path.read_bytes() == b"quick"


@pytest.mark.requirement("CL-10")
def test_a_copy_for_which_the_pool_has_no_room_is_refused_before_it_starts(
    volumes: FileVolumes, pool: PoolSpec, other_pool: PoolSpec, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, image = a_snapshot(a_volume(pool)), an_image(pool)
    volumes.ensure_image(image, source)
    volumes.ensure_volume(snapshot.volume)
    fill(volume_path(snapshot.volume), 1)
    volumes.ensure_snapshot(snapshot)
    copy, full = a_copy(snapshot), os.statvfs_result((4096, 4096, 1000, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    for attempt in (
        lambda: volumes.ensure_volume(copy),
        lambda: volumes.ensure_image_copy(replace(image, pool=other_pool), image),
    ):
        with pytest.raises(DriverError) as said:
            attempt()
        assert said.value.code == "volumes.no_space"
        assert said.value.values == {"needed": said.value.values["needed"], "free": 0}
        assert not said.value.permanent
    assert os.listdir(Path(pool.path) / "volumes") == [f"{snapshot.volume.id}.qcow2"]
    assert os.listdir(Path(other_pool.path) / "images") == []


@pytest.mark.requirement("EV-3")
def test_two_copies_of_one_snapshot_may_be_made_at_a_time(volumes: FileVolumes, pool: PoolSpec) -> None:
    snapshot = a_snapshot(a_volume(pool))
    volumes.ensure_volume(snapshot.volume)
    fill(volume_path(snapshot.volume), 1)
    volumes.ensure_snapshot(snapshot)
    wanted = [a_copy(snapshot) for _ in range(6)]
    with ThreadPoolExecutor(6) as at_once:
        list(at_once.map(volumes.ensure_volume, wanted))
    assert [byte_at(volume_path(copy), DATA_AT) for copy in wanted] == [1] * 6
    assert volume_path(snapshot.volume).stat().st_uid == os.geteuid()


@pytest.mark.requirement("EV-3")
def test_a_snapshot_that_is_being_read_is_copied(volumes: FileVolumes, pool: PoolSpec) -> None:
    snapshot = a_snapshot(a_volume(pool))
    volumes.ensure_volume(snapshot.volume)
    volumes.ensure_snapshot(snapshot)
    # What `qemu-img convert -U` locks of its source while it copies.
    reads = qcow2.FLOCK.pack(fcntl.F_RDLCK, 0, qcow2.LOCK_START, 1, 0)
    with volume_path(snapshot.volume).open("rb") as other:
        fcntl.fcntl(other.fileno(), fcntl.F_OFD_SETLK, reads)
        volumes.ensure_volume(a_copy(snapshot))


@pytest.mark.requirement("EV-3")
def test_a_copy_whose_snapshot_was_removed_meanwhile_is_discarded(
    volumes: FileVolumes, pool: PoolSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = a_snapshot(a_volume(pool))
    volumes.ensure_volume(snapshot.volume)
    volumes.ensure_snapshot(snapshot)
    monkeypatch.setattr(copies, "_copy", lambda *_: volumes.ensure_snapshot_absent(snapshot))
    with refused("volumes.snapshot_missing"):
        volumes.ensure_volume(a_copy(snapshot))
    assert volumes.observe(pool).of(PoolKind.VOLUME) == (snapshot.volume.id,)


@pytest.mark.requirement("EV-3")
def test_many_rounds_of_snapshot_copy_and_removal_leave_nothing_behind(
    volumes: FileVolumes, pool: PoolSpec
) -> None:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    sizes = []
    for number in (each % 256 for each in rounds(8)):
        fill(volume_path(volume), number)
        snapshot = a_snapshot(volume)
        volumes.ensure_snapshot(snapshot)
        copy = a_copy(snapshot)
        volumes.ensure_volume(copy)
        assert byte_at(volume_path(copy), DATA_AT) == number
        volumes.ensure_snapshot_absent(snapshot)
        volumes.ensure_volume_absent(copy)
        sizes.append(volume_path(volume).stat().st_size)
    assert max(sizes) == sizes[0]
    assert os.listdir(volume_path(volume).parent) == [f"{volume.id}.qcow2"]
    check = subprocess.run(
        ["qemu-img", "check", str(volume_path(volume))], check=True, capture_output=True, text=True
    )
    assert "No errors were found" in check.stdout
