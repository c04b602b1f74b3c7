"""The guests of one pretend host: what the verbs of its hypervisor share, and how tests make guests behave."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from apps.drivers.hypervisor_errors import missing_vm, unreachable, vm_is_off
from apps.drivers.memory import disks, nics, sizes
from apps.drivers.memory.records import HOSTS, MemoryVm, State, vms_of
from apps.drivers.memory.world import World
from apps.drivers.orders import Fence
from apps.drivers.specs import RESUMABLE, GuestNetworkReason, PauseReason, Power, VmSize, VmSpec, VmStatus


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What a pretend host says it has."""

    vcpus: int = 64
    memory_mib: int = 256 * 1024
    architecture: str = "x86_64"
    cpu_model: str = "Pretend CPU"


class MemoryGuests:
    """The guests of the host called `host`. One that is asked to shut down is off `shutdown_seconds` later."""

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
        """Let a guest be otherwise: `guest_agent`, `releases`, `mounted` (volume → mount points), `network_refused`,
        `refuses_passwords`."""
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
            vm = replace(vm, power=power, boot=boot, started_at=time.time(), live_nics=vm.spec.nics)
            vm = replace(vm, size=sizes.started(vm.spec))
        elif graceful and vm.paused:
            return vm  # a guest that does not run cannot react
        elif graceful and self._shutdown_seconds:
            vm = replace(vm, off_at=vm.off_at or time.time() + self._shutdown_seconds)
        else:
            vm = disks.close_all(state, self._me(vm), vm)
            vm = replace(
                vm,
                power=power,
                off_at=0.0,
                console_until=0.0,
                paused=PauseReason.NONE,
                held_until=0.0,
                live_nics=(),
                size=VmSize(),
            )
        state.put(self._vms, vm.spec.id, vm)
        return vm


def status_of(vm: MemoryVm) -> VmStatus:
    network = nics.state_of(vm)
    is_on = vm.power is Power.ON
    return VmStatus(
        id=vm.spec.id,
        exists=True,
        power=vm.power,
        boot=vm.boot,
        generation=vm.spec.generation,
        paused=PauseReason.OTHER if vm.held.paused and vm.held_until > time.time() else vm.paused,
        resumable=vm.paused in RESUMABLE and vm.cause_gone,
        guest_agent=vm.spec.seed.is_secret and is_on and vm.guest_agent,
        guest_network=vm.network.generation if vm.network and network.applied and is_on else 0,
        guest_network_reason=network.reason if is_on else GuestNetworkReason.NONE,
    )
