"""Real VMs move between two hosts, by the drivers alone: the agents of both, and libvirt over TLS from here."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from onebox import certificates
from onebox.shell import wait_until

from apps.drivers.errors import DriverError
from apps.drivers.libvirt.migration import LibvirtMigrations
from apps.drivers.protocols import Migrations
from apps.drivers.specs import ImageSpec, MigrationLimits, PoolSpec, Power, Presence, VmSpec
from tests.drivers.contracts.migration import Hosts, MigrationsContract, ended
from tests.drivers.guests import Guest
from tests.drivers.real_agents import RealAgent, running_agent, shared_pool
from tests.drivers.samples import a_vm, a_volume, an_image
from tests.onebox_fixtures import Onebox

pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]

STAYED, MOVED = (Presence.RUNNING, Presence.ABSENT), (Presence.ABSENT, Presence.RUNNING)
ROOT = Path(__file__).resolve().parents[2]
#: Moves a VM slowly, and says when its memory is being copied.
MOVE = """
import sys, time
from pathlib import Path
from apps.drivers.libvirt.migration import LibvirtMigrations
from apps.drivers.specs import Arrival, MigrationLimits
source, target, pki, vm_id, screen, seed = sys.argv[1:]
migrations = LibvirtMigrations(source, target, Path(pki))
moving = migrations.start(vm_id, Arrival(screen, seed), MigrationLimits(mib_per_second=1))
while not moving.progress().total_bytes:
    assert not moving.wait(0.1), moving.result()
print("copying", flush=True)
moving.wait(120)
"""


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

    @pytest.mark.parametrize("killed", ["who connects them", "source libvirtd", "target libvirtd"])
    def test_whatever_is_killed_one_vm_is_left_and_both_hosts_say_so(
        self, onebox: Onebox, hosts: Hosts, vm: VmSpec, killed: str
    ) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        here.ensure_power(vm.id, Power.ON, boot=1)
        loaded = Guest(
            onebox.hosts[0], vm.id
        )  # its memory takes a while to be copied once there is a kernel in it
        wait_until(lambda: loaded.serial().count("\n") > 5, "the kernel", seconds=120, every=0.5)
        arrival = there.ensure_arrival(vm)
        addresses = [host.management_ip for host in onebox.hosts[:2]]
        pki = str(Path(certificates.control_directory(onebox.instance)) / "libvirt")
        words = [*addresses, pki, vm.id, arrival.screen_host, arrival.seed]
        with subprocess.Popen(
            [sys.executable, "-c", MOVE, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as moving:
            try:
                assert moving.stdout is not None
                assert moving.stdout.readline() == "copying\n"
                if killed == "who connects them":
                    moving.kill()
                else:
                    host = onebox.hosts[0 if killed.startswith("source") else 1]
                    host.exec("systemctl", "kill", "--signal=KILL", "libvirtd.service")
                wait_until(
                    lambda: _presences(hosts, vm) in (STAYED, MOVED),
                    f"one VM: {_presences(hosts, vm)}",
                    seconds=60,
                    every=0.5,
                )
            finally:
                moving.kill()
        if _presences(hosts, vm) == STAYED:  # unless it was done already: no machine is the same every time
            assert here.ensure_stays(vm.id).power is Power.ON
            assert here.status(vm.id).paused == ""
        assert _presences(hosts, vm) in (STAYED, MOVED)


def _presences(hosts: Hosts, vm: VmSpec) -> tuple[Presence | None, Presence | None]:
    """What both hosts have of the VM; None while one does not answer."""
    found = []
    for host in hosts:
        try:
            found.append(host.presence(vm.id))
        except DriverError:
            found.append(None)
    return found[0], found[1]
