"""The disks of a pretend VM: attached, limited, grown and released while it runs."""

import time
from dataclasses import replace

from apps.drivers.hypervisor_errors import locked_volume, missing_volume
from apps.drivers.memory.records import DISK_USERS, SHUT_OUT, VOLUMES, MemoryVm, State
from apps.drivers.specs import (
    AttachedDisk,
    DiskAttachment,
    GuestMounts,
    Held,
    Power,
    ReportedDisk,
    VmDisks,
)
from apps.drivers.storage_fence import shut_out_error

GIB = 1 << 30


def open_all(state: State, me: str, vm: MemoryVm) -> MemoryVm:
    """Return the VM with all disks of its definition open. `me` is "host/vm"."""
    for disk in vm.spec.disks:
        _ensure_free(state, me, vm, disk.volume.id)
    live = tuple(_opened(state, me, disk) for disk in vm.spec.disks)
    return replace(vm, live=live, open_disks=tuple(disk.volume.id for disk in live))


def close_all(state: State, me: str, vm: MemoryVm) -> MemoryVm:
    """Return the VM with no disk open."""
    for volume_id in vm.open_disks:
        _close(state, me, volume_id)
    return replace(vm, live=(), open_disks=())


def bring_up(state: State, me: str, vm: MemoryVm, disks: tuple[DiskAttachment, ...]) -> MemoryVm:
    """Return the VM with these disks in its definition and, running, as far as its guest has released the others."""
    wanted = {disk.volume.id: disk for disk in disks}
    for volume_id in wanted.keys() - set(vm.open_disks):
        if vm.power is Power.ON or state.get(VOLUMES, volume_id) is None:
            _ensure_free(state, me, vm, volume_id)
    vm = replace(vm, spec=replace(vm.spec, disks=disks))
    if vm.power is Power.OFF:
        return vm
    kept = [disk for disk in vm.live if disk.volume.id not in wanted and not vm.releases]
    for disk in vm.live:
        if disk.volume.id not in wanted and vm.releases:
            _close(state, me, disk.volume.id)
    live = (*(_grown(state, me, disk) for disk in disks), *kept)
    return replace(vm, live=live, open_disks=tuple(disk.volume.id for disk in live))


def disks_of(vm: MemoryVm) -> VmDisks:
    """Return the disks of the VM."""
    return VmDisks(
        running=tuple(AttachedDisk(disk.volume.id, disk.volume.size_gib * GIB) for disk in vm.live),
        stored=tuple(disk.volume.id for disk in vm.spec.disks),
    )


def reported(vm: MemoryVm) -> tuple[ReportedDisk, ...]:
    """Return the disks of the VM as its host reports them."""
    runs = vm.power is Power.ON
    return tuple(
        ReportedDisk(
            disk.volume.id,
            disk.volume.size_gib * GIB if runs else 0,
            disk.iops,
            disk.bytes_per_second,
        )
        for disk in (vm.live if runs else vm.spec.disks)
    )


def mounts_of(vm: MemoryVm) -> GuestMounts:
    """Return what a guest with an agent says it has mounted."""
    if vm.power is Power.OFF or vm.paused or not vm.guest_agent:
        return GuestMounts(asked=False)
    return GuestMounts(asked=True, mounts=dict(vm.mounted))


def hold(vm: MemoryVm, seconds: int, *, pause: bool) -> tuple[MemoryVm, Held]:
    """Return the VM held, and how."""
    if vm.power is Power.OFF:
        return vm, Held(frozen=False, paused=False)
    frozen = vm.guest_agent and not vm.paused
    held = Held(frozen=frozen, paused=pause and not frozen)
    until = time.time() + seconds if held.frozen or held.paused else 0.0
    return replace(vm, held=held, held_until=until), held


def release(vm: MemoryVm) -> tuple[MemoryVm, Held]:
    """Return the VM going on, and how it had been held until now."""
    held = vm.held if vm.held_until > time.time() else Held(frozen=False, paused=False)
    return replace(vm, held=Held(frozen=False, paused=False), held_until=0.0), held


def _grown(state: State, me: str, disk: DiskAttachment) -> DiskAttachment:
    """Grow the volume of an open disk to what is wanted; never shrink it."""
    known = state.get(VOLUMES, disk.volume.id)
    if known is not None and known.size_gib < disk.volume.size_gib:
        state.put(VOLUMES, disk.volume.id, replace(known, size_gib=disk.volume.size_gib))
    return _opened(state, me, disk)


def _opened(state: State, me: str, disk: DiskAttachment) -> DiskAttachment:
    state.put(DISK_USERS, disk.volume.id, me)
    known = state.get(VOLUMES, disk.volume.id)
    assert known is not None
    return replace(disk, volume=replace(disk.volume, size_gib=known.size_gib))


def _ensure_free(state: State, me: str, vm: MemoryVm, volume_id: str) -> None:
    if state.get(VOLUMES, volume_id) is None:
        raise missing_volume(vm.spec.id, volume_id)
    if state.get(SHUT_OUT, me.partition("/")[0]) is not None:
        raise shut_out_error(volume_id)
    if state.get(DISK_USERS, volume_id) not in (None, me):
        raise locked_volume(vm.spec.id, volume_id)


def _close(state: State, me: str, volume_id: str) -> None:
    if state.get(DISK_USERS, volume_id) == me:
        state.delete(DISK_USERS, volume_id)
