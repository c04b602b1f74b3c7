"""The pretend hypervisor of one host."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.drivers.hypervisor_errors import missing_vm, unreachable, vm_is_off
from apps.drivers.memory import disks
from apps.drivers.memory.fences import pass_or_refuse
from apps.drivers.memory.pictures import screen
from apps.drivers.memory.records import HOSTS, POOL_KEYS, MemoryVm, State, vms_of
from apps.drivers.memory.world import World
from apps.drivers.orders import Fence
from apps.drivers.specs import (
    RESUMABLE,
    ConsoleAddress,
    GuestMounts,
    Held,
    HostObservation,
    PauseReason,
    PoolKey,
    Power,
    Screenshot,
    SeedSpec,
    VmDisks,
    VmSpec,
    VmStatus,
)

FIRST_VNC_PORT = 5900


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What a pretend host says it has."""

    vcpus: int = 64
    memory_mib: int = 256 * 1024
    architecture: str = "x86_64"
    cpu_model: str = "Pretend CPU"


class MemoryHypervisor:
    """`Hypervisor` over a `World`, for the host called `host`.

    A guest that is asked to shut down is off `shutdown_seconds` later.
    """

    def __init__(
        self,
        world: World,
        host: str,
        capacity: HostCapacity | None = None,
        *,
        fence: Fence | None = None,
        shutdown_seconds: float = 0.0,
    ) -> None:
        self._world = world
        self._fence = fence
        self._host = host
        self._capacity = capacity or HostCapacity()
        self._shutdown_seconds = shutdown_seconds
        self._vms = vms_of(host)

    def ensure_vm(self, spec: VmSpec) -> None:
        with self._call("ensure_vm") as state:
            pass_or_refuse(state, spec.id, self._fence)
            known = state.get(self._vms, spec.id)
            state.put(self._vms, spec.id, replace(known, spec=spec) if known else self._defined(spec))

    def ensure_vm_absent(self, vm_id: str) -> None:
        with self._call("ensure_vm_absent") as state:
            pass_or_refuse(state, vm_id, self._fence)
            if (vm := self._get(state, vm_id)) is not None:
                disks.close_all(state, self._me(vm), vm)
                state.delete(self._vms, vm_id)

    def ensure_power(self, vm_id: str, power: Power, *, boot: int = 0, graceful: bool = False) -> VmStatus:
        with self._call("ensure_power") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm = self._get(state, vm_id)
            if vm is None:
                if power is Power.ON:
                    raise missing_vm(vm_id)
                return VmStatus(id=vm_id, exists=False)
            if vm.power is power:
                return _status(vm)
            return _status(self._switch(state, vm, power, boot, graceful))

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        with self._call("ensure_resumed") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm = self._get(state, vm_id)
            if vm is None:
                return VmStatus(id=vm_id, exists=False)
            if vm.paused in RESUMABLE and vm.cause_gone:
                vm = replace(vm, paused=PauseReason.NONE)
                state.put(self._vms, vm_id, vm)
            return _status(vm)

    def ensure_seed(self, vm_id: str, seed: SeedSpec) -> None:
        with self._call("ensure_seed") as state:
            pass_or_refuse(state, vm_id, self._fence)
            if (vm := self._get(state, vm_id)) is not None:
                state.put(self._vms, vm_id, replace(vm, spec=replace(vm.spec, seed=seed)))

    def ensure_disks(self, spec: VmSpec) -> VmDisks:
        with self._call("ensure_disks") as state:
            pass_or_refuse(state, spec.id, self._fence)
            vm = self._known(state, spec.id)
            vm = disks.bring_up(state, self._me(vm), vm, spec.disks)
            state.put(self._vms, spec.id, vm)
            return disks.disks_of(vm)

    def disks(self, vm_id: str) -> VmDisks:
        with self._call("disks") as state:
            vm = self._get(state, vm_id)
            return disks.disks_of(vm) if vm else VmDisks()

    def mounts(self, vm_id: str) -> GuestMounts:
        with self._call("mounts") as state:
            return disks.mounts_of(self._known(state, vm_id))

    def ensure_held(self, vm_id: str, seconds: int, *, pause: bool) -> Held:
        with self._call("ensure_held") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm, held = disks.hold(self._known(state, vm_id), seconds, pause=pause)
            state.put(self._vms, vm_id, vm)
            return held

    def ensure_released(self, vm_id: str) -> Held:
        with self._call("ensure_released") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm = self._get(state, vm_id)
            if vm is None:
                return Held(frozen=False, paused=False)
            vm, held = disks.release(vm)
            state.put(self._vms, vm_id, vm)
            return held

    def ensure_pool_key(self, key: PoolKey) -> None:
        with self._call("ensure_pool_key") as state:
            pass_or_refuse(state, key.id, self._fence)
            state.put(POOL_KEYS, f"{self._host}/{key.id}", key)

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        with self._call("ensure_pool_key_absent") as state:
            pass_or_refuse(state, pool_id, self._fence)
            state.delete(POOL_KEYS, f"{self._host}/{pool_id}")

    def status(self, vm_id: str) -> VmStatus:
        with self._call("status") as state:
            vm = self._get(state, vm_id)
            return _status(vm) if vm else VmStatus(id=vm_id, exists=False)

    def open_console(self, vm_id: str, *, password: str, valid_until: datetime) -> ConsoleAddress:
        with self._call("open_console") as state:
            vm = self._running(state, vm_id)
            state.put(self._vms, vm_id, replace(vm, console_until=valid_until.timestamp()))
            return ConsoleAddress(host=self._host, port=FIRST_VNC_PORT + zlib.crc32(vm_id.encode()) % 1000)

    def close_console(self, vm_id: str) -> None:
        with self._call("close_console") as state:
            if (vm := self._get(state, vm_id)) is not None:
                state.put(self._vms, vm_id, replace(vm, console_until=0.0))

    def screenshot(self, vm_id: str) -> Screenshot:
        with self._call("screenshot") as state:
            self._running(state, vm_id)
        return screen(vm_id)

    def observe(self) -> HostObservation:
        with self._call("observe") as state:
            vms = [vm for vm_id in state.all(self._vms) if (vm := self._get(state, vm_id))]
        running = [vm for vm in vms if vm.power is Power.ON]
        return HostObservation(
            architecture=self._capacity.architecture,
            cpu_model=self._capacity.cpu_model,
            vcpus=self._capacity.vcpus,
            memory_mib=self._capacity.memory_mib,
            virtualisation="memory",
            hypervisor_version="1",
            load_percent=min(100.0, 100.0 * sum(vm.spec.vcpu for vm in running) / self._capacity.vcpus),
            memory_used_mib=sum(vm.spec.memory_mib for vm in running),
            vms=tuple(replace(_status(vm), disks=disks.reported(vm)) for vm in vms),
        )

    def running(self) -> list[MemoryVm]:
        """Return the VMs that are on."""
        with self._call("observe") as state:
            vms = [vm for vm_id in state.all(self._vms) if (vm := self._get(state, vm_id))]
        return [vm for vm in vms if vm.power is Power.ON]

    def stop_guest(self, vm_id: str) -> None:
        """Let the guest power itself off, as a user inside it would."""
        with self._world.records() as state:
            if (vm := self._get(state, vm_id)) is not None:
                self._switch(state, vm, Power.OFF, 0, False)

    def pause_guest(self, vm_id: str, reason: PauseReason, *, cause_gone: bool = False) -> None:
        """Pause a running VM as its host does, or say that the cause is gone."""
        with self._world.records() as state:
            vm = self._running(state, vm_id)
            state.put(self._vms, vm_id, replace(vm, paused=reason, cause_gone=cause_gone))

    def set_guest(self, vm_id: str, **said: Any) -> None:
        """Let a guest be otherwise: `guest_agent`, `releases`, `mounted` (volume → mount points)."""
        with self._world.records() as state:
            vm = state.get(self._vms, vm_id)
            assert vm is not None
            state.put(self._vms, vm_id, replace(vm, **said))

    def _me(self, vm: MemoryVm) -> str:
        return f"{self._host}/{vm.spec.id}"

    @contextmanager
    def _call(self, verb: str) -> Iterator[State]:
        with self._world.call(f"hypervisor.{verb}") as state:
            host = state.get(HOSTS, self._host)
            if host is not None and not host.up:
                raise unreachable(self._host)
            yield state

    def _get(self, state: State, vm_id: str) -> MemoryVm | None:
        """Return the VM as of now: a guest whose shutdown has had its time is off."""
        vm = state.get(self._vms, vm_id)
        if vm is not None and vm.off_at and vm.off_at <= time.time():
            return self._switch(state, vm, Power.OFF, 0, False)
        return vm

    def _defined(self, spec: VmSpec) -> MemoryVm:
        return MemoryVm(spec, guest_agent=self._world.guests_have_agents)

    def _known(self, state: State, vm_id: str) -> MemoryVm:
        vm = self._get(state, vm_id)
        if vm is None:
            raise missing_vm(vm_id)
        return vm

    def _running(self, state: State, vm_id: str) -> MemoryVm:
        vm = self._known(state, vm_id)
        if vm.power is Power.OFF:
            raise vm_is_off(vm_id)
        return vm

    def _switch(self, state: State, vm: MemoryVm, power: Power, boot: int, graceful: bool) -> MemoryVm:
        if power is Power.ON:
            vm = disks.open_all(state, self._me(vm), vm)
            vm = replace(vm, power=power, boot=boot, started_at=time.time())
        elif graceful and vm.paused:
            return vm  # a guest that does not run cannot react
        elif graceful and self._shutdown_seconds:
            vm = replace(vm, off_at=vm.off_at or time.time() + self._shutdown_seconds)
        else:
            vm = disks.close_all(state, self._me(vm), vm)
            vm = replace(
                vm, power=power, off_at=0.0, console_until=0.0, paused=PauseReason.NONE, held_until=0.0
            )
        state.put(self._vms, vm.spec.id, vm)
        return vm


def _status(vm: MemoryVm) -> VmStatus:
    return VmStatus(
        id=vm.spec.id,
        exists=True,
        power=vm.power,
        boot=vm.boot,
        generation=vm.spec.generation,
        paused=PauseReason.OTHER if vm.held.paused and vm.held_until > time.time() else vm.paused,
        resumable=vm.paused in RESUMABLE and vm.cause_gone,
        guest_agent=vm.spec.seed.is_secret and vm.power is Power.ON and vm.guest_agent,
    )
