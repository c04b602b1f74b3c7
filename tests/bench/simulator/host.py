"""One simulated host: the agent's executor and reporter over the in-memory drivers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import redis

from apps.agent.fences import Fences
from apps.agent.long_jobs import LongJobs
from apps.agent.order_executor import OrderExecutor
from apps.agent.reporter import Reporter
from apps.agent.verbs import table
from apps.drivers.memory import HostCapacity, MemoryHypervisor, MemoryVolumes, World
from apps.drivers.memory.records import DISK_USERS, VOLUMES, MemoryVm, vms_of
from apps.drivers.memory.usage import host_usage, vm_usage
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostObservation, Power, VmSpec, VmStatus
from apps.drivers.usage import step_of

CAPACITY = HostCapacity(vcpus=64, memory_mib=256 * 1024)


class SimulatedHypervisor(MemoryHypervisor):
    """The in-memory hypervisor of one host that has counters too, and tells when a VM's power changed."""

    def __init__(self, world: World, host: str, changed: Callable[[], None]) -> None:
        super().__init__(world, host, CAPACITY)
        self._name = host
        self._changed = changed
        self._step = 0

    def ensure_power(self, vm_id: str, power: Power, *, boot: int = 0, graceful: bool = False) -> VmStatus:
        self._changed()
        return super().ensure_power(vm_id, power, boot=boot, graceful=graceful)

    def ensure_vm_absent(self, vm_id: str) -> None:
        self._changed()
        super().ensure_vm_absent(vm_id)

    def observe(self) -> HostObservation:
        """Return what a report says; with counters once in each of their steps, since the reporter drops the others."""
        seen, now = super().observe(), datetime.now(UTC)
        if step_of(now) == self._step:
            return seen
        self._step, moment = step_of(now), now.timestamp()
        return replace(
            seen,
            usage=tuple(vm_usage(vm, moment) for vm in self.running()),
            host_usage=host_usage(self._name, CAPACITY.vcpus, CAPACITY.memory_mib, moment),
        )


class SimulatedHost:
    """A host's name, and its agent's two halves: `take` an order, `report`."""

    def __init__(
        self,
        name: str,
        key: str,
        world: World,
        client: redis.Redis,
        fences: Fences,
        changed: Callable[[], None],
    ) -> None:
        self.name = name
        hypervisor, seal = SimulatedHypervisor(world, name, changed), Seal(key)
        self.take = OrderExecutor(
            name, seal, client, table(hypervisor, MemoryVolumes(world), LongJobs()), fences
        ).take
        self.report = Reporter(name, seal, client, hypervisor).report


def put_standing(world: World, host: str, specs: list[VmSpec], since: float) -> None:
    """Let VMs run on a host that have been there all along."""
    with world.records() as state:
        for spec in specs:
            volumes = tuple(disk.volume for disk in spec.disks)
            for volume in volumes:
                state.put(VOLUMES, volume.id, volume)
                state.put(DISK_USERS, volume.id, f"{host}/{spec.id}")
            running = MemoryVm(
                spec, Power.ON, boot=1, started_at=since, open_disks=tuple(volume.id for volume in volumes)
            )
            state.put(vms_of(host), spec.id, running)
