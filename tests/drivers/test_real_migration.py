"""Real VMs move between two hosts, by the drivers alone: the agents of both, and libvirt over TLS from here."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from onebox import certificates

from apps.drivers.libvirt.migration import LibvirtMigrations
from apps.drivers.protocols import Migrations
from apps.drivers.specs import ImageSpec, MigrationLimits, PoolSpec, Power, VmSpec
from tests.drivers.contracts.migration import Hosts, MigrationsContract, ended
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume, an_image
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def agents(onebox: Onebox) -> Iterator[list[RealAgent]]:
    with running_agent(onebox, onebox.hosts[0]) as first, running_agent(onebox, onebox.hosts[1]) as second:
        for agent in (first, second):
            # Made for the test alone; the hosts' own has these modes from docker/hosts/tmpfiles.conf.
            folder = f"/var/lib/scloud/{agent.name}"
            for one in (first, second):
                one.host.exec("install", "-d", "-m", "711", folder, f"{folder}/seeds")
        yield [first, second]
        for agent in (first, second):
            for one in (first, second):
                shutil.rmtree(one.host.root / f"var/lib/scloud/{agent.name}", ignore_errors=True)


@pytest.fixture(scope="module")
def pool(onebox: Onebox) -> Iterator[tuple[PoolSpec, Path]]:
    with shared_pool(onebox) as made:
        yield made


@pytest.fixture(scope="module")
def image(onebox: Onebox, agents: list[RealAgent], pool: tuple[PoolSpec, Path]) -> ImageSpec:
    made = an_image(pool[0])
    (pool[1] / "import").mkdir(mode=0o700, exist_ok=True)
    shutil.copy(onebox.guest_image, pool[1] / "import/upload.qcow2")
    agents[0].remote.volumes().ensure_image(made, f"{pool[0].path}/import/upload.qcow2")
    return made


@pytest.fixture
def vm(agents: list[RealAgent], pool: tuple[PoolSpec, Path], image: ImageSpec) -> Iterator[VmSpec]:
    made = a_vm(a_volume(pool[0], image))
    agents[0].remote.volumes().ensure_volume(made.disks[0].volume)
    yield made
    for agent in agents:
        agent.remote.hypervisor().ensure_vm_absent(made.id)
    agents[0].remote.volumes().ensure_volume_absent(made.disks[0].volume)


class TestLibvirtMigrations(MigrationsContract):
    @pytest.fixture
    def hosts(self, agents: list[RealAgent]) -> Hosts:
        return agents[0].remote.hypervisor(), agents[1].remote.hypervisor()

    @pytest.fixture
    def migrations(self, onebox: Onebox) -> Migrations:
        pki = Path(certificates.control_directory(onebox.instance)) / "libvirt"
        return LibvirtMigrations(onebox.hosts[0].management_ip, onebox.hosts[1].management_ip, pki)

    def slow_down(self, vm: VmSpec) -> MigrationLimits:
        return MigrationLimits(mib_per_second=1)

    def test_the_guest_goes_on_with_its_memory_user_and_seed(
        self, agents: list[RealAgent], hosts: Hosts, migrations: Migrations, vm: VmSpec
    ) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        here.ensure_power(vm.id, Power.ON, boot=1)
        guest = Guest(agents[0].host, vm.id)
        guest.wait_booted()
        guest.output("echo kept >/tmp/in-memory")
        migration = migrations.start(vm.id, there.ensure_arrival(vm), MigrationLimits())
        ended(migration)
        migration.result()
        moved = Guest(agents[1].host, vm.id)
        assert moved.output("cat /tmp/in-memory").strip() == "kept"
        assert moved.output("dd if=/dev/vdb bs=2048 count=20 2>/dev/null | grep -ac CD001").strip() != "0"
        status = agents[1].host.exec("sh", "-c", f"cat /proc/$(pgrep -f guest=vm-{vm.id} | head -n 1)/status")
        assert f"Uid:\t{vm.uid}\t{vm.uid}" in status
