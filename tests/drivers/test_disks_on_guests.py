"""Data disks of a real guest that checks what is on them: attached, kept, broken, brought back, grown, limited.

One guest serves all tests. Before it boots, its second disk has gone through the same while the VM was off.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from onebox.shell import patience

from apps.drivers.protocols import Hypervisor, Volumes
from apps.drivers.specs import (
    DiskAttachment,
    DiskUsage,
    Held,
    PoolKind,
    PoolSpec,
    Power,
    SnapshotSpec,
    VmSpec,
    VolumeSpec,
)
from tests.drivers.contracts.fabric import refused
from tests.drivers.contracts.volumes import a_copy, a_snapshot
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import DATA_AT, a_vm, a_volume, an_image, fill
from tests.onebox_fixtures import Onebox

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(300),
    pytest.mark.requirement("EV-2"),
    pytest.mark.campaign("guests on real hosts", ("apps/drivers/files/", "apps/drivers/libvirt/"), share=2),
]

MOUNT = "/mnt/data"
PARTS = ("-part1", "")
"""Where the file systems of the system disk and of a data disk are."""
GIB, MIB = 1 << 30, 1 << 20


@dataclass
class Lab:
    """A host with one guest; `vm` is as it should be."""

    agent: RealAgent
    pool: PoolSpec
    vm: VmSpec
    guest: Guest
    cold: VolumeSpec

    @property
    def hypervisor(self) -> Hypervisor:
        return self.agent.remote.hypervisor()

    @property
    def volumes(self) -> Volumes:
        return self.agent.remote.volumes()

    def attach(self, volume: VolumeSpec, **limits: int) -> str:
        """Attach a volume, and wait until the guest has found it; return its path in the guest."""
        others = [disk for disk in self.vm.disks if disk.volume.id != volume.id]
        slot = min({1, 2, 3, 4, 5, 6} - {disk.slot for disk in others})
        self.bring((*others, DiskAttachment(volume, slot=slot, **limits)))
        path = path_of(volume)
        self.guest.output(f"until [ -b {path} ]; do usleep 50000; done")
        return path

    def bring(self, disks: tuple[DiskAttachment, ...]) -> None:
        self.vm = replace(self.vm, disks=disks)
        self.hypervisor.ensure_disks(self.vm)

    def detach(self, volume: VolumeSpec) -> None:
        """Detach a volume, asking until the guest has released it."""
        self.vm = replace(self.vm, disks=tuple(disk for disk in self.vm.disks if disk.volume.id != volume.id))
        until(lambda: not self.hypervisor.ensure_disks(self.vm).holds(volume.id))

    def formatted(self, volume: VolumeSpec) -> None:
        """Attach a volume and mount a new file system on it, with data that can be checked."""
        path = self.attach(volume)
        self.guest.output(f"mkfs.ext4 -q {path} && mkdir -p {MOUNT} && mount {path} {MOUNT}")
        self.guest.output(f"testdata fill {MOUNT}")

    def keep(self, *volumes: VolumeSpec, pause: bool = False) -> tuple[list[SnapshotSpec], Held]:
        """Take a snapshot of each volume while the guest is held."""
        self.hypervisor.ensure_held(self.vm.id, 30, pause=pause)
        snapshots = [a_snapshot(volume) for volume in volumes]
        for snapshot in snapshots:
            self.volumes.ensure_snapshot(snapshot)
        return snapshots, self.hypervisor.ensure_released(self.vm.id)

    def iotune(self, volume: VolumeSpec, *where: str) -> dict[str, str]:
        """Return the limits of a disk that libvirt has, those that are not 0."""
        (slot,) = [disk.slot for disk in self.vm.disks if disk.volume.id == volume.id]
        words = ("virsh", "-q", "blkdeviotune", f"vm-{self.vm.id}", f"vd{'abcdefg'[slot]}", *where)
        lines = self.agent.host.exec(*words).splitlines()
        limits = dict(re.split(r"\s*:\s*", line.strip()) for line in lines if ":" in line)
        return {
            name: value for name, value in limits.items() if value not in ("0", "") and "group" not in name
        }


def path_of(volume: VolumeSpec) -> str:
    return f"/dev/disk/by-id/virtio-{volume.id.replace('-', '')[:20]}"


def sectors(lab: Lab, path: str) -> int:
    return int(lab.guest.output(f"cat /sys/class/block/$(basename $(readlink {path}))/size"))


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    give_up = time.monotonic() + patience(seconds)
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.1)


@pytest.fixture(scope="module")
def lab(onebox: Onebox) -> Iterator[Lab]:
    with ExitStack() as stack:
        agent = stack.enter_context(running_agent(onebox, onebox.hosts[0]))
        pool, folder = stack.enter_context(shared_pool(onebox))
        image = an_image(pool)
        (folder / "import").mkdir(mode=0o700)
        shutil.copy(onebox.guest_image, folder / "import/upload.qcow2")
        remote = agent.remote
        remote.volumes().ensure_image(image, f"{pool.path}/import/upload.qcow2")
        vm = a_vm(a_volume(pool, image))
        remote.volumes().ensure_volume(vm.disks[0].volume)
        remote.hypervisor().ensure_vm(vm)
        stack.callback(lambda: remote.hypervisor().ensure_vm_absent(vm.id))
        found = Lab(agent, pool, vm, Guest(agent.host, vm.id), a_volume(pool))
        used_while_off(found, folder)
        remote.hypervisor().ensure_power(vm.id, Power.ON, boot=1)
        found.guest.wait_booted()
        yield found


def used_while_off(lab: Lab, folder: Path) -> None:
    """Attach a disk with 64 KiB of a byte, kept, written over, brought back, and grown to 2 GiB, all while off."""
    path = folder / "volumes" / f"{lab.cold.id}.qcow2"
    lab.volumes.ensure_volume(lab.cold)
    fill(path, 7)
    snapshot = a_snapshot(lab.cold)
    lab.volumes.ensure_snapshot(snapshot)
    fill(path, 8)
    grown = replace(lab.cold, size_gib=2)
    lab.volumes.ensure_volume(grown)
    lab.volumes.ensure_rolled_back(replace(snapshot, volume=grown))
    lab.bring((lab.vm.disks[0], DiskAttachment(grown, slot=1, iops=300)))


@pytest.fixture
def disk(lab: Lab) -> Iterator[VolumeSpec]:
    """A new volume; whatever a test attached is detached after it."""
    volume = a_volume(lab.pool)
    lab.volumes.ensure_volume(volume)
    yield volume
    lab.guest.run(f"testdata stop; umount {MOUNT}")
    for attached in lab.vm.disks[1:]:
        lab.detach(attached.volume)


@pytest.mark.requirement("EV-3")
def test_a_disk_that_was_used_while_the_vm_was_off_is_so_when_it_starts(lab: Lab) -> None:
    path, grown = path_of(lab.cold), lab.vm.disks[1].volume
    for where in ("--live", "--config"):
        assert lab.iotune(grown, where)["total_iops_sec"] == "300"
    assert sectors(lab, path) == 2 * GIB // 512
    read = f"dd if={path} bs=64k skip={DATA_AT >> 16} count=1 2>/dev/null"
    assert lab.guest.output(f"{read} | tr -d '\\007' | wc -c") == "0\n"
    lab.detach(grown)
    assert lab.guest.run(f"test -e {path}")[0] != 0


@pytest.mark.requirement("VM-10")
def test_the_guest_says_where_it_has_a_disk_mounted(lab: Lab, disk: VolumeSpec) -> None:
    lab.formatted(disk)
    system = lab.vm.disks[0].volume
    found = lab.hypervisor.mounts(lab.vm.id)
    assert found.asked
    assert found.mounts == {system.id: ("/",), disk.id: (MOUNT,)}
    lab.guest.output(f"umount {MOUNT}")
    assert lab.hypervisor.mounts(lab.vm.id).mounts == {system.id: ("/",)}


@pytest.mark.requirement("EV-3")
def test_a_snapshot_of_a_running_vm_brings_back_data_that_was_broken_since(
    lab: Lab, disk: VolumeSpec
) -> None:
    lab.formatted(disk)
    checksum = lab.guest.output(f"testdata check {MOUNT}")
    lab.guest.output(f"testdata write {MOUNT}")
    lab.guest.output("until [ -s /run/testdata.acked ]; do usleep 50000; done")
    before = int(lab.guest.output("cat /run/testdata.acked"))
    (snapshot,), held = lab.keep(disk)
    assert held == Held(frozen=True, paused=False)
    lab.volumes.ensure_snapshot(snapshot)
    copy = a_copy(snapshot, 2)
    lab.volumes.ensure_volume(copy)
    lab.guest.output(f"testdata stop; dd if=/dev/zero of={MOUNT}/data bs=1M count=1 conv=fsync")
    assert lab.guest.run(f"testdata check {MOUNT}")[0] != 0
    with refused("volumes.volume_in_use"):
        lab.volumes.ensure_rolled_back(snapshot)
    lab.guest.output(f"umount {MOUNT}")
    lab.detach(disk)
    lab.volumes.ensure_rolled_back(snapshot)
    for volume, mebibytes in ((disk, 1024), (copy, 2048)):
        path = lab.attach(volume)
        # Frozen, it was consistent: nothing is left to be repaired, and no acknowledged record is missing.
        lab.guest.output(f"e2fsck -fn {path} && mount {path} {MOUNT}")
        assert lab.guest.output(f"testdata check {MOUNT}") == checksum
        assert int(lab.guest.output(f"testdata records {MOUNT}")) >= before
        lab.guest.output(f"umount {MOUNT}")
        assert sectors(lab, path) == 2048 * mebibytes
    lab.volumes.ensure_snapshot_absent(snapshot)
    lab.volumes.ensure_snapshot_absent(snapshot)
    assert snapshot.id not in lab.volumes.inventory(lab.pool).of(PoolKind.SNAPSHOT)


@pytest.mark.requirement("VM-11")
@pytest.mark.parametrize("agent", [True, False], ids=["frozen by its agent", "stopped without one"])
def test_all_disks_of_a_guest_that_writes_are_kept_at_one_instant(
    lab: Lab, disk: VolumeSpec, agent: bool
) -> None:
    """Each record is written to the one disk, then to the other: so the one has as many as the other, or one more."""
    lab.formatted(disk)
    system = lab.vm.disks[0].volume
    lab.guest.output(f"testdata write /root {MOUNT}")
    lab.guest.output("until [ -s /run/testdata.acked ]; do usleep 50000; done")
    if not agent:
        stop_the_guest_agent(lab, seconds=6)
    snapshots, held = lab.keep(system, disk, pause=True)
    assert held == Held(frozen=agent, paused=not agent)
    lab.guest.wait_booted()
    lab.guest.output("testdata stop")
    first, then = (
        records_in(lab, a_copy(snapshot), part) for snapshot, part in zip(snapshots, PARTS, strict=True)
    )
    assert 0 <= first - then <= 1
    assert then > 0
    for snapshot in snapshots:
        lab.volumes.ensure_snapshot_absent(snapshot)


def stop_the_guest_agent(lab: Lab, seconds: int) -> None:
    """Take the agent from the guest for some seconds, and wait until that is seen."""
    again = (
        "qemu-ga -d -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 -t /run -f /run/qemu-ga.pid"
    )
    script = f"(usleep 500000; kill $(cat /run/qemu-ga.pid); sleep {seconds}; {again}) </dev/null >/dev/null 2>&1 &"
    lab.guest.output(script)
    until(lambda: not lab.hypervisor.mounts(lab.vm.id).asked)


def records_in(lab: Lab, copy: VolumeSpec, part: str) -> int:
    """Return how many records a copy of a disk has."""
    lab.volumes.ensure_volume(copy)
    path = lab.attach(copy) + part
    lab.guest.output(
        f"mkdir -p /mnt/copy; until [ -b {path} ]; do usleep 50000; done; mount {path} /mnt/copy"
    )
    folder = "/mnt/copy/root" if part else "/mnt/copy"
    found = int(lab.guest.output(f"testdata records {folder}; umount /mnt/copy").strip())
    lab.detach(copy)
    return found


def test_a_vm_that_somebody_paused_stays_so_when_it_is_released(lab: Lab) -> None:
    lab.agent.host.exec("virsh", "suspend", f"vm-{lab.vm.id}")
    try:
        assert lab.hypervisor.ensure_held(lab.vm.id, 30, pause=True) == Held(frozen=False, paused=True)
        assert lab.hypervisor.ensure_released(lab.vm.id) == Held(frozen=False, paused=False)
        assert lab.hypervisor.status(lab.vm.id).paused
    finally:
        lab.agent.host.exec("virsh", "resume", f"vm-{lab.vm.id}")


@pytest.mark.requirement("EV-4")
def test_a_disk_grows_under_the_guest_which_sees_it_at_once(lab: Lab, disk: VolumeSpec) -> None:
    lab.formatted(disk)
    checksum = lab.guest.output(f"testdata check {MOUNT}")
    (snapshot,), _held = lab.keep(disk)
    grown = replace(disk, size_gib=3)
    path = lab.attach(grown)
    blocks = lab.guest.output(f"resize2fs {path} >/dev/null 2>&1; stat -f -c %b {MOUNT}")
    assert int(blocks) * 4096 > 2.5 * GIB
    lab.guest.output(f"umount {MOUNT}")
    lab.detach(grown)
    lab.volumes.ensure_rolled_back(replace(snapshot, volume=grown))
    path = lab.attach(grown)
    last = f"dd if=/dev/zero of={path} bs=1M seek=3071 count=1 oflag=direct"
    lab.guest.output(f"{last} && mount {path} {MOUNT}")
    assert lab.guest.output(f"testdata check {MOUNT}") == checksum


@pytest.mark.requirement("EV-6")
def test_limits_change_live_and_in_the_definition_of_that_disk_alone(lab: Lab, disk: VolumeSpec) -> None:
    other = a_volume(lab.pool)
    lab.volumes.ensure_volume(other)
    lab.attach(other, iops=700)
    lab.attach(disk, iops=500, bytes_per_second=MIB, burst=3, burst_seconds=20)
    wanted = {
        **{"total_iops_sec": "500", "total_iops_sec_max": "1500", "total_iops_sec_max_length": "20"},
        **{
            "total_bytes_sec": "1048576",
            "total_bytes_sec_max": "3145728",
            "total_bytes_sec_max_length": "20",
        },
    }
    for where in ("--live", "--config"):
        assert lab.iotune(disk, where).items() >= wanted.items()
    lab.attach(disk, bytes_per_second=2 * MIB)
    for where in ("--live", "--config"):
        limits = lab.iotune(disk, where)
        assert {name: value for name, value in limits.items() if not name.endswith("length")} == {
            "total_bytes_sec": "2097152"
        }
        assert lab.iotune(other, where)["total_iops_sec"] == "700"
    began = time.monotonic()
    lab.guest.output(
        f"dd if=/dev/zero of={lab.attach(disk, bytes_per_second=2 * MIB)} bs=1M count=6 oflag=direct"
    )
    assert time.monotonic() - began > 0.7 * 6 / 2
    lab.attach(disk)
    assert [name for name in lab.iotune(disk, "--live") if not name.endswith("length")] == []
    (seen,) = [vm for vm in lab.hypervisor.observe().usage if vm.id == lab.vm.id]
    usage = {found.id: found for found in seen.disks}
    assert usage.keys() == {attached.volume.id for attached in lab.vm.disks}
    assert usage[disk.id].write_bytes >= 6 * MIB > usage[other.id].write_bytes
    assert isinstance(usage[disk.id], DiskUsage) and usage[disk.id].write_ns > 0


@pytest.mark.requirement("OP-2")
def test_an_agent_that_is_started_again_releases_what_a_killed_one_held(lab: Lab, disk: VolumeSpec) -> None:
    assert lab.hypervisor.ensure_held(lab.vm.id, 8, pause=True) == Held(frozen=True, paused=False)
    lab.agent.host.exec("systemctl", "kill", "--signal=KILL", lab.agent.unit)
    until(lambda: "failed" in state(lab) or "could not be found" in state(lab) or "inactive" in state(lab))
    lab.agent.host.exec("systemctl", "reset-failed", lab.agent.unit, check=False)
    assert frozen(lab), "nobody has released it yet"
    lab.agent.start(lab.agent.host.exec("cat", f"/run/{lab.agent.unit}.toml"))
    until(lambda: not frozen(lab))
    assert lab.hypervisor.ensure_released(lab.vm.id) == Held(frozen=False, paused=False)


def state(lab: Lab) -> str:
    return lab.agent.host.exec("systemctl", "is-active", lab.agent.unit, check=False)


def frozen(lab: Lab) -> bool:
    words = ("virsh", "-q", "qemu-agent-command", f"vm-{lab.vm.id}", '{"execute":"guest-fsfreeze-status"}')
    return '"frozen"' in lab.agent.host.exec(*words)
