"""SE-6: root on one host puts links, pipes and devices into a pool that another host's agent and libvirt work on."""

import os
import stat
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from onebox.hosts import Host
from onebox.shell import patience

from apps.drivers import tools
from apps.drivers.errors import DriverError
from apps.drivers.files import FileVolumes, image_import, qcow2, qemu_img
from apps.drivers.files.layout import image_path, keep_base, keep_private, volume_path
from apps.drivers.specs import ImageSpec, PoolKind, PoolSpec, Power, SnapshotSpec, VmSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.volumes import a_copy, a_snapshot
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import (
    DATA_AT,
    FIRST_UID,
    a_pool,
    a_vm,
    a_volume,
    an_image,
    byte_at,
    fill,
    new_id,
    opened,
)
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.requirement("SE-6"), pytest.mark.timeout(240)]
NOBODY = 65534

Plant = Callable[[Path, Path], None]


def a_link(path: Path, victim: Path) -> None:
    path.symlink_to(victim)


def a_pipe(path: Path, victim: Path) -> None:
    os.mkfifo(path)


def a_device(path: Path, victim: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


@pytest.fixture
def pool(tmp_path: Path) -> PoolSpec:
    folder = tmp_path / "pool"
    folder.mkdir()
    return a_pool(folder)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the host that the agent runs on."""
    path = tmp_path / "victim"
    path.write_text("of the host")
    path.chmod(0o640)
    os.chown(path, NOBODY, NOBODY)
    return path


def untouched(victim: Path) -> bool:
    seen = victim.stat()
    return victim.read_text() == "of the host" and (seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode)) == (
        NOBODY,
        NOBODY,
        0o640,
    )


@pytest.mark.parametrize("plant", [a_link, a_pipe, a_device])
def test_what_stands_in_a_files_place_is_neither_followed_nor_waited_for(
    pool: PoolSpec, victim: Path, plant: Plant
) -> None:
    volumes, volume, image = FileVolumes(), a_volume(pool), an_image(pool)
    volumes.observe(pool)
    path = Path(pool.path, "volumes", f"{volume.id}.qcow2")
    plant(path, victim)
    plant(Path(pool.path, "images", f"{image.id}.qcow2"), victim)
    attempts: list[Callable[[], object]] = [
        lambda: volumes.ensure_volume(volume),
        lambda: volumes.ensure_volume(replace(volume, size_gib=2)),
        lambda: volumes.ensure_volume_absent(volume),
        lambda: volumes.ensure_snapshot(a_snapshot(volume)),
        lambda: volumes.ensure_snapshot_absent(a_snapshot(volume)),
        lambda: volumes.ensure_rolled_back(a_snapshot(volume)),
        lambda: volumes.ensure_volume(a_copy(a_snapshot(volume))),
        lambda: volumes.ensure_image_copy(an_image(pool), image),
        lambda: volumes.ensure_image_from_snapshot(an_image(pool), a_snapshot(volume)),
        lambda: volumes.ensure_image(image, f"{pool.path}/import/none"),
        lambda: volumes.ensure_volume(a_volume(pool, image)),
        lambda: keep_private(path),
        lambda: keep_base(path),
        lambda: qcow2.references(path),
    ]
    for attempt in attempts:
        with refused("volumes.not_plain"):
            attempt()
    assert volumes.inventory(pool).of(PoolKind.VOLUME) == {volume.id: 0}
    volumes.ensure_image_absent(an_image(pool))
    assert untouched(victim)


@pytest.mark.parametrize("kind", ["volumes", "images"])
def test_a_link_in_place_of_a_folder_is_not_followed(pool: PoolSpec, tmp_path: Path, kind: str) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    Path(pool.path, kind).symlink_to(private)
    with refused("volumes.not_plain"):
        FileVolumes().observe(pool)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@pytest.mark.parametrize("plant", [a_link, a_pipe, a_device])
def test_the_note_beside_an_image_is_written_and_read_as_a_file_only(
    tmp_path: Path, victim: Path, plant: Plant
) -> None:
    note = tmp_path / "image.json"
    plant(note, victim)
    with pytest.raises(DriverError):
        image_import.read_format(note)
    image_import.write_format(note, "raw")
    assert image_import.read_format(note) == "raw"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert untouched(victim)


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("name", [b"\xff\xfe", None], ids=["no text", "4 GiB"])
def test_a_volume_that_its_qemu_wrote_over_keeps_no_image_from_being_deleted(
    pool: PoolSpec, name: bytes | None
) -> None:
    """Whoever breaks out of a guest can write any header into its own volume, in the pool of all tenants."""
    volumes = FileVolumes()
    volumes.observe(pool)
    length = len(name) if name is not None else 0xFFFFFFFF
    path = Path(pool.path, "volumes", f"{a_volume(pool).id}.qcow2")
    path.write_bytes(struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 512, length, 16, 1 << 30).ljust(512, b"\0"))
    with path.open("r+b") as file:
        file.seek(512)
        file.write(name or b"")
        file.truncate(8 << 30)
    with pytest.raises(ValueError, match=r"bytes|decode"):
        qcow2.backing_file(path)
    volumes.ensure_image_absent(an_image(pool))


Attempt = Callable[[FileVolumes, SnapshotSpec], object]
ATTEMPTS: dict[str, Attempt] = {
    "snapshot": lambda volumes, kept: volumes.ensure_snapshot(a_snapshot(kept.volume)),
    "delete": lambda volumes, kept: volumes.ensure_snapshot_absent(kept),
    "roll back": lambda volumes, kept: volumes.ensure_rolled_back(kept),
    "grow": lambda volumes, kept: volumes.ensure_volume(replace(kept.volume, size_gib=2)),
    "copy": lambda volumes, kept: volumes.ensure_volume(a_copy(kept)),
    "image": lambda volumes, kept: volumes.ensure_image_from_snapshot(an_image(kept.volume.pool), kept),
}


@pytest.fixture
def kept(pool: PoolSpec) -> SnapshotSpec:
    """A snapshot of a volume with some data."""
    snapshot = a_snapshot(a_volume(pool))
    FileVolumes().ensure_volume(snapshot.volume)
    fill(volume_path(snapshot.volume), 1)
    FileVolumes().ensure_snapshot(snapshot)
    return snapshot


def point_elsewhere(volume: Path, victim: Path, way: str) -> None:
    """Let a volume's header name a file of the host, and keep its snapshots: what a QEMU can write into it."""
    if way == "backing file":
        name = str(victim).encode()
        with volume.open("r+b") as file:
            at = 65536 - len(name)
            file.seek(8)
            file.write(struct.pack(">QI", at, len(name)))
            file.seek(at)
            file.write(name)
    else:
        with volume.open("r+b") as file:
            file.seek(qcow2.FEATURES_AT)
            file.write(struct.pack(">Q", qcow2.EXTERNAL_DATA_FILE))


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
@pytest.mark.parametrize("way", ["backing file", "data file"])
def test_a_volume_that_its_qemu_has_pointed_at_a_file_of_the_host_is_not_worked_on(
    pool: PoolSpec, kept: SnapshotSpec, victim: Path, attempt: Attempt, way: str
) -> None:
    point_elsewhere(volume_path(kept.volume), victim, way)
    before = volume_path(kept.volume).read_bytes()
    with refused("volumes.volume_changed"):
        attempt(FileVolumes(), kept)
    assert volume_path(kept.volume).read_bytes() == before
    assert untouched(victim)
    assert FileVolumes().observe(pool).of(PoolKind.VOLUME) == (kept.volume.id,)


@pytest.mark.requirement("SE-10")
def test_a_copy_is_not_thin_over_an_image_that_only_the_header_of_its_source_names(
    pool: PoolSpec, kept: SnapshotSpec
) -> None:
    """An image of another tenant, whose identifier the guest has learned: named by nothing that the platform says."""
    copy = replace(a_copy(kept), image_id=new_id())
    with refused("volumes.volume_changed"):
        FileVolumes().ensure_volume(copy)


@pytest.mark.requirement("SE-10", "VM-8")
def test_an_image_does_not_get_what_is_in_an_image_that_only_the_header_names(
    pool: PoolSpec, kept: SnapshotSpec
) -> None:
    """What another tenant's image holds would be the guest's owner's otherwise."""
    other = new_id()
    stranger = ImageSpec(other, pool)
    FileVolumes().observe(pool)
    qemu_img.create(image_path(stranger), 1 << 20)
    point_elsewhere(volume_path(kept.volume), Path(f"../images/{other}.qcow2"), "backing file")
    with refused("volumes.volume_changed"):
        FileVolumes().ensure_image_from_snapshot(an_image(pool), kept)


SNAPSHOT_TABLES = {
    "four billion": struct.pack(">IQ", 0xFFFFFFFF, 65536),
    "beyond the end": struct.pack(">IQ", 1, 1 << 61),
    "beyond what a file can have": struct.pack(">IQ", 1, (1 << 64) - 1),
    "no table": struct.pack(">IQ", 2000, 0),
}


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize("attempt", [name for name in ATTEMPTS if name != "grow"])
@pytest.mark.parametrize("table", SNAPSHOT_TABLES.values(), ids=SNAPSHOT_TABLES)
def test_a_crafted_table_of_snapshots_is_refused_at_once(
    pool: PoolSpec, kept: SnapshotSpec, attempt: str, table: bytes
) -> None:
    with volume_path(kept.volume).open("r+b") as file:
        file.seek(60)
        file.write(table)
    with refused("volumes.volume_changed"):
        ATTEMPTS[attempt](FileVolumes(), kept)
    assert FileVolumes().inventory(pool).of(PoolKind.SNAPSHOT) == {}


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize(
    ("at", "attempts"),
    [
        (36, ("snapshot", "roll back", "copy")),
        (48, ("snapshot", "roll back")),
        (56, ("snapshot", "roll back", "copy")),
    ],
    ids=["first level", "reference counts, which a copy does not read", "clusters of those"],
)
def test_tables_that_are_crafted_cost_little_and_leave_nothing(
    pool: PoolSpec, kept: SnapshotSpec, at: int, attempts: tuple[str, ...]
) -> None:
    with volume_path(kept.volume).open("r+b") as file:
        file.seek(at)
        file.write(b"\x7f\xff\xff\xff")
    began = time.monotonic()
    for attempt in attempts:
        with pytest.raises(DriverError):
            ATTEMPTS[attempt](FileVolumes(), kept)
    assert time.monotonic() - began < patience(20)
    assert os.listdir(Path(pool.path, "volumes")) == [f"{kept.volume.id}.qcow2"]
    assert about_file(volume_path(kept.volume)) == (os.geteuid(), 0o600)


def about_file(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_uid, stat.S_IMODE(seen.st_mode)


@pytest.mark.requirement("SE-10")
def test_no_tool_that_is_root_opens_a_volume_that_a_guest_has_written_to(
    kept: SnapshotSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, calls, run = volume_path(kept.volume), list[tuple[int | None, str]](), tools.run

    def recorded(tool: str, *arguments: str, **named: Any) -> tools.Finished:
        calls.append((named.get("user"), " ".join(arguments)))
        return run(tool, *arguments, **named)

    monkeypatch.setattr(tools, "run", recorded)
    for attempt in ("snapshot", "grow", "copy", "roll back", "delete"):
        ATTEMPTS[attempt](FileVolumes(), kept)
    assert {
        user for user, words in calls if words.split()[0] in ("snapshot", "resize", "measure", "convert")
    } == {tools.UNPRIVILEGED_ID}
    assert not [words for user, words in calls if user is None and kept.volume.id in words]
    assert about_file(path) == (os.geteuid(), 0o600)


@pytest.mark.requirement("SE-10")
def test_a_volume_that_a_vm_has_open_is_read_as_its_guests_user_or_not_at_all(kept: SnapshotSpec) -> None:
    path, copy = volume_path(kept.volume), a_copy(kept)
    with opened(path):
        with refused("volumes.volume_in_use"):
            FileVolumes().ensure_volume(copy)
        os.chown(path, FIRST_UID, FIRST_UID)
        with refused("volumes.volume_in_use"):
            FileVolumes().ensure_snapshot(a_snapshot(kept.volume))
        FileVolumes().ensure_volume(copy)
        assert path.stat().st_uid == FIRST_UID
    assert about_file(volume_path(copy)) == (os.geteuid(), 0o600)
    assert byte_at(volume_path(copy), DATA_AT) == 1


@pytest.fixture(scope="module")
def target(onebox: Onebox) -> Iterator[RealAgent]:
    with running_agent(onebox, onebox.hosts[1]) as agent:
        yield agent


@pytest.fixture
def vm(onebox: Onebox, target: RealAgent) -> Iterator[VmSpec]:
    """A VM of the second host, that is off."""
    with shared_pool(onebox) as (pool, _):
        made = a_vm(a_volume(pool))
        target.remote.volumes().ensure_volume(made.disks[0].volume)
        target.remote.hypervisor().ensure_vm(made)
        try:
            yield made
        finally:
            target.remote.hypervisor().ensure_vm_absent(made.id)


def about(host: Host, path: str) -> str:
    return host.exec("stat", "-c", "%u:%g %a", path).strip()


@pytest.mark.real
def test_libvirt_follows_no_link_that_root_on_another_host_left(
    onebox: Onebox, target: RealAgent, vm: VmSpec
) -> None:
    """libvirt gives a guest's files to its user before QEMU opens them: the agent's look comes before, a link may come
    between. So it is asked by itself."""
    volume = vm.disks[0].volume
    path, victim = f"{volume.pool.path}/volumes/{volume.id}.qcow2", f"/etc/victim-{vm.id[:8]}"
    target.host.exec(
        "sh", "-c", f"echo secret >{victim}; chown {NOBODY}:{NOBODY} {victim}; chmod 640 {victim}"
    )
    onebox.hosts[0].exec("ln", "-sf", victim, path)
    try:
        assert target.host.exec("cat", path, check=False) == ""
        target.host.exec("virsh", "start", f"vm-{vm.id}", check=False)
        assert about(target.host, victim) == f"{NOBODY}:{NOBODY} 640"
        with refused("volumes.not_plain"):
            target.remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
        assert about(target.host, victim) == f"{NOBODY}:{NOBODY} 640"
    finally:
        target.host.exec("rm", "-f", victim, path)


@pytest.mark.real
def test_a_device_that_root_on_another_host_left_opens_nothing(
    onebox: Onebox, target: RealAgent, vm: VmSpec
) -> None:
    path = f"{vm.disks[0].volume.pool.path}/null"
    onebox.hosts[0].exec("mknod", "-m", "666", path, "c", "1", "3")
    try:
        assert target.host.exec("sh", "-c", f"head -c 1 {path} && echo opened", check=False) == ""
    finally:
        onebox.hosts[0].exec("rm", "-f", path)
