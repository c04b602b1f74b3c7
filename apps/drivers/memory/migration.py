"""Moving pretend VMs between pretend hosts."""

import time
from dataclasses import replace

from apps.drivers.errors import DriverError
from apps.drivers.hypervisor_errors import migration_cancelled, migration_failed, unreachable, vm_is_off
from apps.drivers.memory.records import DISK_USERS, HOSTS, MemoryVm, State, vms_of
from apps.drivers.memory.world import World
from apps.drivers.specs import Arrival, MigrationLimits, MigrationProgress, Power

MIB = 1 << 20


class MemoryMigrations:
    """`Migrations` over a `World`; each takes `world.migration_seconds`."""

    def __init__(self, world: World, source: str, target: str) -> None:
        self._world = world
        self._hosts = (source, target)

    def start(self, vm_id: str, arrival: Arrival, limits: MigrationLimits) -> "MemoryMigration":
        with self._world.call("migration.start") as state:
            _reach(state, *self._hosts)
            vm = state.get(vms_of(self._hosts[0]), vm_id)
            if vm is None or vm.power is Power.OFF:
                raise vm_is_off(vm_id)
        return MemoryMigration(self._world, self._hosts, vm)


class MemoryMigration:
    """`Migration`: the VM's record changes hands at its end."""

    def __init__(self, world: World, hosts: tuple[str, str], vm: MemoryVm) -> None:
        self._world = world
        self._hosts = hosts
        self._vm = vm
        self._started = time.monotonic()
        self._error: DriverError | None = None
        self._over = False

    def wait(self, seconds: float) -> bool:
        left = self._started + self._world.migration_seconds - time.monotonic()
        if not self._over and left > seconds:
            time.sleep(seconds)
            return False
        if not self._over:
            time.sleep(max(0.0, left))
            self._finish()
        return True

    def progress(self) -> MigrationProgress:
        total = self._vm.spec.memory_mib * MIB
        if not self._world.migration_seconds or self._over:
            return MigrationProgress(total)
        done = min(1.0, (time.monotonic() - self._started) / self._world.migration_seconds)
        speed = int(total / self._world.migration_seconds)
        return MigrationProgress(total, int(total * (1 - done)), speed, downtime_ms=50)

    def cancel(self) -> None:
        if not self._over:
            self._over, self._error = True, migration_cancelled(self._vm.spec.id)

    def result(self) -> None:
        if self._error is not None:
            raise self._error

    def _finish(self) -> None:
        self._over = True
        try:
            with self._world.call("migration.finish") as state:
                _reach(state, *self._hosts)
                self._move(state)
        except DriverError as error:
            self._error = error

    def _move(self, state: State) -> None:
        source, target = map(vms_of, self._hosts)
        id = self._vm.spec.id
        vm = state.get(source, id)
        if vm is None or vm.power is Power.OFF:
            raise migration_failed(id, "the guest was switched off")
        for volume_id in vm.open_disks:
            state.put(DISK_USERS, volume_id, f"{self._hosts[1]}/{id}")
        state.delete(source, id)
        state.put(target, id, replace(vm, console_until=0.0))


def _reach(state: State, *hosts: str) -> None:
    for host in hosts:
        known = state.get(HOSTS, host)
        if known is not None and not known.up:
            raise unreachable(host)
