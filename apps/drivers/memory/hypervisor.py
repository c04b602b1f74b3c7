"""The pretend hypervisor of one host."""

import zlib
from dataclasses import replace
from datetime import datetime

from apps.drivers.hypervisor_errors import (
    already_here,
    missing_vm,
    missing_volume,
    no_guest_agent,
    refused_password,
)
from apps.drivers.memory import disks, nics, sizes
from apps.drivers.memory.fences import pass_or_refuse
from apps.drivers.memory.guests import MemoryGuests, status_of
from apps.drivers.memory.pictures import screen
from apps.drivers.memory.records import ANSWERING, HEARTBEATS, POOL_KEYS, VOLUMES
from apps.drivers.probed import checked_addresses
from apps.drivers.specs import (
    RESUMABLE,
    Arrival,
    ConsoleAddress,
    FoundAddress,
    GuestMounts,
    GuestNetwork,
    GuestNetworkState,
    GuestPassword,
    HeartbeatPlan,
    Held,
    HostObservation,
    PauseReason,
    PoolKey,
    Power,
    Presence,
    Screenshot,
    SeedSpec,
    VmDisks,
    VmNics,
    VmSize,
    VmSpec,
    VmStatus,
)

FIRST_VNC_PORT = 5900


class MemoryHypervisor(MemoryGuests):
    """`Hypervisor` over a `World`."""

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
                return status_of(vm)
            return status_of(self._switch(state, vm, power, boot, graceful))

    def ensure_resumed(self, vm_id: str) -> VmStatus:
        with self._call("ensure_resumed") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm = self._get(state, vm_id)
            if vm is None:
                return VmStatus(id=vm_id, exists=False)
            if vm.paused in RESUMABLE and vm.cause_gone:
                vm = replace(vm, paused=PauseReason.NONE)
                state.put(self._vms, vm_id, vm)
            return status_of(vm)

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

    def ensure_size(self, spec: VmSpec) -> VmSize:
        with self._call("ensure_size") as state:
            pass_or_refuse(state, spec.id, self._fence)
            vm = self._get(state, spec.id) or self._defined(spec)
            vm = replace(vm, size=sizes.grown(vm, spec), spec=spec)
            state.put(self._vms, spec.id, vm)
            return vm.size

    def size(self, vm_id: str) -> VmSize:
        with self._call("size") as state:
            vm = self._get(state, vm_id)
            return vm.size if vm else VmSize()

    def mounts(self, vm_id: str) -> GuestMounts:
        with self._call("mounts") as state:
            return disks.mounts_of(self._known(state, vm_id))

    def ensure_nics(self, spec: VmSpec) -> VmNics:
        with self._call("ensure_nics") as state:
            pass_or_refuse(state, spec.id, self._fence)
            vm = nics.bring_up(self._known(state, spec.id), spec.nics)
            state.put(self._vms, spec.id, vm)
        nics.refuse_taken_slots(vm)
        return nics.nics_of(vm)

    def nics(self, vm_id: str) -> VmNics:
        with self._call("nics") as state:
            vm = self._get(state, vm_id)
            return nics.nics_of(vm) if vm else VmNics()

    def ensure_guest_network(self, vm_id: str, network: GuestNetwork) -> GuestNetworkState:
        with self._call("ensure_guest_network") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm, found = nics.configured(self._known(state, vm_id), network)
            state.put(self._vms, vm_id, vm)
            return found

    def ensure_password(self, wanted: GuestPassword) -> None:
        with self._call("ensure_password") as state:
            pass_or_refuse(state, wanted.id, self._fence)
            vm = self._running(state, wanted.id)
            if not vm.guest_agent:
                raise no_guest_agent(wanted.id)
            if vm.refuses_passwords:
                raise refused_password(wanted.id, wanted.user)
            passwords = {**vm.passwords, wanted.user: wanted.password}
            state.put(self._vms, wanted.id, replace(vm, passwords=passwords))

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

    def ensure_arrival(self, spec: VmSpec) -> Arrival:
        with self._call("ensure_arrival") as state:
            pass_or_refuse(state, spec.id, self._fence)
            for disk in spec.disks:
                if state.get(VOLUMES, disk.volume.id) is None:
                    raise missing_volume(spec.id, disk.volume.id)
            if self._get(state, spec.id) is not None:
                raise already_here(spec.id)
            return Arrival(screen_host=self._host, seed=f"/seeds/{spec.id}.iso")

    def ensure_stays(self, vm_id: str) -> VmStatus:
        with self._call("ensure_stays") as state:
            pass_or_refuse(state, vm_id, self._fence)
            vm = self._get(state, vm_id)
            if vm is None:
                return VmStatus(id=vm_id, exists=False)
            if vm.paused is PauseReason.MIGRATION:
                vm = replace(vm, paused=PauseReason.NONE)
                state.put(self._vms, vm_id, vm)
            return status_of(vm)

    def ensure_pool_key(self, key: PoolKey) -> None:
        with self._call("ensure_pool_key") as state:
            pass_or_refuse(state, key.id, self._fence)
            state.put(POOL_KEYS, f"{self._host}/{key.id}", key)

    def ensure_pool_key_absent(self, pool_id: str) -> None:
        with self._call("ensure_pool_key_absent") as state:
            pass_or_refuse(state, pool_id, self._fence)
            state.delete(POOL_KEYS, f"{self._host}/{pool_id}")

    def follow_heartbeats(self, plan: HeartbeatPlan) -> None:
        with self._call("follow_heartbeats") as state:
            state.put(HEARTBEATS, self._host, plan)

    def probe_addresses(
        self, physical_network: str, vlan: int, addresses: tuple[str, ...]
    ) -> tuple[FoundAddress, ...]:
        with self._call("probe_addresses") as state:
            wanted = map(str, checked_addresses(addresses))
            found = {ip: state.get(ANSWERING, f"{physical_network}/{vlan}/{ip}") for ip in wanted}
        return tuple(FoundAddress(ip, mac) for ip, mac in found.items() if mac)

    def status(self, vm_id: str) -> VmStatus:
        with self._call("status") as state:
            vm = self._get(state, vm_id)
            return status_of(vm) if vm else VmStatus(id=vm_id, exists=False)

    def presence(self, vm_id: str) -> Presence:
        with self._call("presence") as state:
            vm = self._get(state, vm_id)
            if vm is None:
                return Presence.ABSENT
            if vm.power is Power.OFF:
                return Presence.OFF
            return Presence.WAITING if vm.paused is PauseReason.MIGRATION else Presence.RUNNING

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
            vms=tuple(replace(status_of(vm), disks=disks.reported(vm), nics=nics.reported(vm)) for vm in vms),
        )
