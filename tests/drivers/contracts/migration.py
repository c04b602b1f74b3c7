"""What every `Migrations` does. Subclasses give `hosts`, two hypervisors, `migrations` from the first to the second,
and `vm`, a spec whose volumes exist.
"""

import time

import pytest
from onebox.shell import patience

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Hypervisor, Migration, Migrations
from apps.drivers.specs import MigrationLimits, Power, VmSpec
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import new_id

Hosts = tuple[Hypervisor, Hypervisor]
LIMITS = MigrationLimits()


def ended(migration: Migration) -> None:
    give_up = time.monotonic() + patience(60)
    while not migration.wait(0.2):
        assert time.monotonic() < give_up, migration.progress()
        assert 0 <= migration.progress().percent <= 100


@pytest.mark.requirement("CL-6")
class MigrationsContract:
    def slow_down(self, vm: VmSpec) -> MigrationLimits:
        """Return limits by which a migration takes some seconds."""
        raise NotImplementedError

    def test_a_running_vm_moves_and_is_on_one_host_only(
        self, hosts: Hosts, migrations: Migrations, vm: VmSpec
    ) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        here.ensure_power(vm.id, Power.ON, boot=3)
        migration = migrations.start(vm.id, there.ensure_arrival(vm), LIMITS)
        ended(migration)
        migration.result()
        assert not here.status(vm.id).exists
        moved = there.status(vm.id)
        assert (moved.power, moved.paused, moved.boot, moved.generation) == (Power.ON, "", 3, vm.generation)
        assert there.ensure_power(vm.id, Power.OFF).power is Power.OFF
        assert there.ensure_power(vm.id, Power.ON, boot=4).power is Power.ON, "it starts there again"

    def test_one_that_is_cancelled_leaves_the_vm_where_it_was(
        self, hosts: Hosts, migrations: Migrations, vm: VmSpec
    ) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        here.ensure_power(vm.id, Power.ON, boot=1)
        migration = migrations.start(vm.id, there.ensure_arrival(vm), self.slow_down(vm))
        assert not migration.wait(0.5), "it was to take longer"
        for _ in range(2):
            migration.cancel()
        ended(migration)
        with refused("hypervisor.migration_cancelled"):
            migration.result()
        stayed = here.status(vm.id)
        assert (stayed.power, stayed.paused) == (Power.ON, "")
        assert not there.status(vm.id).exists
        again = migrations.start(vm.id, there.ensure_arrival(vm), LIMITS)
        ended(again)
        again.result()
        assert there.status(vm.id).power is Power.ON

    def test_a_guest_that_is_switched_off_meanwhile_ends_it(
        self, hosts: Hosts, migrations: Migrations, vm: VmSpec
    ) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        here.ensure_power(vm.id, Power.ON, boot=1)
        migration = migrations.start(vm.id, there.ensure_arrival(vm), self.slow_down(vm))
        assert not migration.wait(0.5)
        here.ensure_power(vm.id, Power.OFF)
        ended(migration)
        with pytest.raises(DriverError):
            migration.result()
        assert here.status(vm.id).power is Power.OFF
        assert not there.status(vm.id).exists
        assert here.ensure_power(vm.id, Power.ON, boot=2).power is Power.ON, "it starts at once"

    def test_what_does_not_run_is_not_moved(self, hosts: Hosts, migrations: Migrations, vm: VmSpec) -> None:
        here, there = hosts
        here.ensure_vm(vm)
        with refused("hypervisor.vm_off"):
            migrations.start(vm.id, there.ensure_arrival(vm), LIMITS)

    def test_a_host_is_not_ready_for_a_vm_that_it_has(self, hosts: Hosts, vm: VmSpec) -> None:
        hosts[1].ensure_vm(vm)
        with refused("hypervisor.already_here"):
            hosts[1].ensure_arrival(vm)
        hosts[1].ensure_vm_absent(vm.id)
        hosts[1].ensure_arrival(vm)
        assert not hosts[1].status(vm.id).exists, "nothing is defined before it comes"

    def test_a_vm_that_does_not_move_stays_as_it_is(self, hosts: Hosts, vm: VmSpec) -> None:
        here, _there = hosts
        here.ensure_vm(vm)
        assert here.ensure_stays(vm.id).power is Power.OFF
        on = here.ensure_power(vm.id, Power.ON, boot=1)
        assert here.ensure_stays(vm.id) == on
        assert not here.ensure_stays(new_id()).exists

    def test_no_progress_is_known_before_the_first_byte(self) -> None:
        from apps.drivers.specs import MigrationProgress

        assert MigrationProgress().percent == 0
        assert MigrationProgress(100, 25).percent == 75
        assert MigrationProgress(100, 250).percent == 0
