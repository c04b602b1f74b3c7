"""The pretend region keeps the contracts of the real one."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from apps.drivers.errors import DriverError
from apps.drivers.memory import (
    MemoryFabric,
    MemoryHypervisor,
    MemoryMigrations,
    MemoryVolumes,
    RedisWorld,
    World,
)
from apps.drivers.memory.records import VOLUMES
from apps.drivers.memory.snapshots import CONTENTS
from apps.drivers.orders import Fence
from apps.drivers.protocols import Hypervisor, Migrations
from apps.drivers.specs import (
    GuestNetworkReason,
    MigrationLimits,
    PauseReason,
    PoolKind,
    PoolSpec,
    Power,
    VmSpec,
    VolumeSpec,
    VpcSpec,
)
from tests.drivers.contracts.external import ExternalContract
from tests.drivers.contracts.fabric import FabricContract, refused
from tests.drivers.contracts.hypervisor import DisksContract, HypervisorContract, wait_until_off
from tests.drivers.contracts.migration import Hosts, MigrationsContract, ended
from tests.drivers.contracts.nics import GuestNetworkContract, NicsContract, a_network, a_nic, with_nics
from tests.drivers.contracts.sizes import SizesContract
from tests.drivers.contracts.volumes import SnapshotsContract, VolumesContract
from tests.drivers.samples import a_pool, a_vm, a_volume, a_vpc, new_id

WorldMaker = Callable[[], World]


@pytest.fixture(params=["process", "redis"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "process":
        yield World()
        return
    with redis.Redis.from_url(request.getfixturevalue("redis_url")) as client:
        shared = RedisWorld(client, f"test-{new_id()}")
        yield shared
        shared.forget()


@pytest.fixture
def pool() -> PoolSpec:
    return a_pool()


@pytest.fixture
def volumes(world: World) -> MemoryVolumes:
    return MemoryVolumes(world)


@pytest.fixture
def vm(volumes: MemoryVolumes, pool: PoolSpec) -> VmSpec:
    volume = a_volume(pool)
    volumes.ensure_volume(volume)
    return a_vm(volume)


@pytest.fixture
def hypervisor(world: World) -> MemoryHypervisor:
    return MemoryHypervisor(world, "host1")


class TestMemoryFabric(FabricContract, ExternalContract):
    @pytest.fixture
    def fabric(self, world: World) -> MemoryFabric:
        return MemoryFabric(world)


class TestMemoryHypervisor(HypervisorContract):
    def pause(self, hypervisor: Hypervisor, vm_id: str) -> None:
        assert isinstance(hypervisor, MemoryHypervisor)
        hypervisor.pause_guest(vm_id, PauseReason.OTHER)


class TestMemoryDisks(DisksContract):
    @pytest.fixture(autouse=True)
    def _without_agents(self, world: World) -> None:
        world.guests_have_agents = False

    @pytest.fixture
    def data(self, volumes: MemoryVolumes, pool: PoolSpec) -> VolumeSpec:
        volume = a_volume(pool)
        volumes.ensure_volume(volume)
        return volume


class TestMemorySizes(SizesContract):
    pass


class TestMemoryNics(NicsContract):
    """The guest releases what it is asked to."""


class TestMemoryStuckNics(NicsContract):
    guest_answers = False

    @pytest.fixture
    def hypervisor(self, world: World, vm: VmSpec) -> Hypervisor:
        class Stuck(MemoryHypervisor):
            def ensure_vm(self, spec: VmSpec) -> None:
                super().ensure_vm(spec)
                self.set_guest(spec.id, releases=False)

        return Stuck(world, "host1")


class TestMemoryGuestNetwork(GuestNetworkContract):
    @pytest.fixture(autouse=True)
    def _without_agents(self, world: World) -> None:
        world.guests_have_agents = False


@pytest.mark.requirement("EI-3")
def test_a_guest_with_an_agent_has_its_network_at_every_start(
    hypervisor: MemoryHypervisor, vm: VmSpec
) -> None:
    nic = a_nic(1)
    hypervisor.ensure_vm(with_nics(vm, nic))
    hypervisor.ensure_guest_network(vm.id, a_network(nic.mac, "203.0.113.9/32", generation=3))
    for boot in (1, 2):
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=boot).guest_network == 3
        assert hypervisor.ensure_power(vm.id, Power.OFF).guest_network == 0
    hypervisor.set_guest(vm.id, network_refused=GuestNetworkReason.FORBIDDEN)
    status = hypervisor.ensure_power(vm.id, Power.ON, boot=3)
    assert (status.guest_network, status.guest_network_reason) == (0, GuestNetworkReason.FORBIDDEN)


@pytest.mark.requirement("VM-9")
def test_a_vm_whose_pool_was_full_goes_on_when_there_is_space(
    hypervisor: MemoryHypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    hypervisor.ensure_power(vm.id, Power.ON, boot=1)
    hypervisor.pause_guest(vm.id, PauseReason.NO_SPACE)
    assert hypervisor.ensure_resumed(vm.id).paused is PauseReason.NO_SPACE
    hypervisor.pause_guest(vm.id, PauseReason.NO_SPACE, cause_gone=True)
    assert hypervisor.status(vm.id).resumable
    assert hypervisor.ensure_resumed(vm.id).paused is PauseReason.NONE


class TestMemoryMigrations(MigrationsContract):
    @pytest.fixture
    def hosts(self, world: World) -> Hosts:
        return MemoryHypervisor(world, "host1"), MemoryHypervisor(world, "host2")

    @pytest.fixture
    def migrations(self, world: World) -> Migrations:
        self.world = world
        return MemoryMigrations(world, "host1", "host2")

    def slow_down(self, vm: VmSpec) -> MigrationLimits:
        self.world.migration_seconds = 1.5
        return MigrationLimits()

    def test_a_host_that_dies_ends_it(
        self, world: World, hosts: Hosts, migrations: Migrations, vm: VmSpec
    ) -> None:
        hosts[0].ensure_vm(vm)
        hosts[0].ensure_power(vm.id, Power.ON, boot=1)
        migration = migrations.start(vm.id, hosts[1].ensure_arrival(vm), MigrationLimits())
        world.power_cut("host2")
        ended(migration)
        with refused("host.unreachable"):
            migration.result()
        assert hosts[0].status(vm.id).power is Power.ON


class TestMemoryVolumes(VolumesContract, SnapshotsContract):
    @pytest.fixture
    def other_pool(self) -> PoolSpec:
        return replace(a_pool(), id="other")

    def write(self, volume: VolumeSpec, byte: int) -> None:
        with self.world.records() as state:
            image = (state.get(CONTENTS, volume.id) or "").partition("|")[0]
            state.put(CONTENTS, volume.id, f"{image}|{byte}")

    def byte_in(self, volume: VolumeSpec) -> int:
        return int(self._content(volume).partition("|")[2] or 0)

    def starts(self, volume: VolumeSpec) -> bool:
        return self._content(volume).startswith("image")

    def _content(self, volume: VolumeSpec) -> str:
        with self.world.records() as state:
            return state.get(CONTENTS, volume.id) or ""

    @pytest.fixture
    def source(self) -> str:
        return f"memory:{64 << 20}"

    @pytest.fixture
    def backed_source(self, uploads: Path) -> str:
        path = uploads / "backed.qcow2"
        path.write_bytes(b"QFI\xfb" + (3).to_bytes(4, "big") + (104).to_bytes(8, "big") + bytes(496))
        return str(path)

    @pytest.fixture(autouse=True)
    def _remember_world(self, world: World) -> None:
        self.world = world

    def size_gib(self, volumes: object, volume: object) -> int:
        assert isinstance(volume, VolumeSpec)
        with self.world.records() as state:
            stored = state.get(VOLUMES, volume.id)
        assert stored is not None
        return stored.size_gib


def test_a_volume_in_use_cannot_be_removed(
    hypervisor: MemoryHypervisor, volumes: MemoryVolumes, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    hypervisor.ensure_power(vm.id, Power.ON)
    with refused("volumes.volume_in_use"):
        volumes.ensure_volume_absent(vm.disks[0].volume)


def test_a_vm_cannot_run_on_two_hosts(world: World, hypervisor: MemoryHypervisor, vm: VmSpec) -> None:
    other = MemoryHypervisor(world, "host2")
    for host in (hypervisor, other):
        host.ensure_vm(vm)
    hypervisor.ensure_power(vm.id, Power.ON)
    with refused("hypervisor.volume_in_use"):
        other.ensure_power(vm.id, Power.ON)
    world.power_cut("host1")
    assert other.ensure_power(vm.id, Power.ON).power is Power.ON


def test_a_host_without_power_does_not_answer_and_comes_back_with_its_vms_off(
    world: World, hypervisor: MemoryHypervisor, vm: VmSpec
) -> None:
    hypervisor.ensure_vm(vm)
    hypervisor.ensure_power(vm.id, Power.ON, boot=1)
    world.power_cut("host1")
    with refused("host.unreachable"):
        hypervisor.observe()
    world.boot("host1")
    assert hypervisor.status(vm.id) == replace(hypervisor.status(vm.id), power=Power.OFF, boot=1)


def test_a_guest_takes_its_time_to_shut_down(world: World, vm: VmSpec) -> None:
    slow = MemoryHypervisor(world, "host1", shutdown_seconds=0.3)
    slow.ensure_vm(vm)
    slow.ensure_power(vm.id, Power.ON)
    assert slow.ensure_power(vm.id, Power.OFF, graceful=True).power is Power.ON
    wait_until_off(slow, vm.id, 5)


def test_a_fault_is_raised_as_often_as_asked(world: World) -> None:
    fabric = MemoryFabric(world)
    world.fail("fabric.ensure_vpc", DriverError("broken", code="test.broken"), times=2)
    vpc = a_vpc()
    for _ in range(2):
        with refused("test.broken"):
            fabric.ensure(vpc)
    fabric.ensure(vpc)
    assert fabric.inventory().of(VpcSpec) == {vpc.id: 1}


def _make_vpc_and_die(url: str, name: str, when: str) -> None:
    """Make a VPC in a process that is killed right before or after the call."""

    def die(verb: str, moment: str) -> None:
        if moment == when:
            os.kill(os.getpid(), signal.SIGKILL)

    MemoryFabric(RedisWorld(redis.Redis.from_url(url), name, on_call=die)).ensure(a_vpc())


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_what_a_killed_process_had_done_stays_done(redis_url: str, when: str, made: int) -> None:
    name = f"test-{new_id()}"
    process = multiprocessing.get_context("spawn").Process(
        target=_make_vpc_and_die, args=(redis_url, name, when)
    )
    process.start()
    process.join(20)
    assert process.exitcode == -signal.SIGKILL
    with redis.Redis.from_url(redis_url) as client:
        world = RedisWorld(client, name)
        assert len(MemoryFabric(world).inventory().of(VpcSpec)) == made
        world.forget()


@pytest.mark.requirement("OP-2")
def test_an_order_older_than_one_that_was_seen_is_refused(world: World, pool: PoolSpec) -> None:
    volume = a_volume(pool)
    MemoryVolumes(world, fence=Fence(2)).ensure_volume(volume)
    MemoryVolumes(world, fence=Fence(3)).ensure_volume_absent(volume)
    with pytest.raises(DriverError) as caught:
        MemoryVolumes(world, fence=Fence(2, attempt=9)).ensure_volume(volume)
    assert (caught.value.code, caught.value.permanent) == ("agent.stale_order", True)
    assert volume.id not in MemoryVolumes(world).observe(pool).of(PoolKind.VOLUME)
