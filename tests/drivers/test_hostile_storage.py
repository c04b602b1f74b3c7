"""SE-6: root on one host puts links, pipes and devices into a pool that another host's agent and libvirt work on."""

import os
import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from onebox.hosts import Host

from apps.drivers.errors import DriverError
from apps.drivers.files import FileVolumes, image_import, qcow2
from apps.drivers.files.layout import keep_base, keep_private
from apps.drivers.specs import PoolKind, PoolSpec, Power, VmSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_pool, a_vm, a_volume, an_image
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
