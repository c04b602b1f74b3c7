"""What every `Hypervisor` does. Subclasses give `hypervisor` and `vm`, a spec whose volumes exist.

`DisksContract` also needs `data`: a volume of 1 GiB that exists and that no VM has.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from onebox.shell import patience

from apps.drivers.protocols import Hypervisor
from apps.drivers.specs import (
    MOST_PROBED,
    MOST_SCREEN_HEIGHT,
    MOST_SCREEN_WIDTH,
    DiskAttachment,
    GuestMounts,
    GuestPassword,
    Held,
    PauseReason,
    Power,
    ReportedDisk,
    SeedSpec,
    VmDisks,
    VmSpec,
    VmStatus,
    VolumeSpec,
)
from tests.drivers.contracts.fabric import refused
from tests.drivers.samples import a_volume, new_id


def wait_until_off(hypervisor: Hypervisor, vm_id: str, seconds: float) -> VmStatus:
    """Ask the guest to shut down, again and again as an operation does, until it is off."""
    give_up = time.monotonic() + patience(seconds)
    while True:
        status = hypervisor.ensure_power(vm_id, Power.OFF, graceful=True)
        if status.power is Power.OFF:
            return status
        assert time.monotonic() < give_up, f"the guest was still on after {seconds} s"
        time.sleep(0.2)


class HypervisorContract:
    def pause(self, hypervisor: Hypervisor, vm_id: str) -> None:
        """Pause a VM by hand, as an administrator does on its host."""
        raise NotImplementedError

    def test_an_unknown_vm_does_not_exist(self, hypervisor: Hypervisor) -> None:
        vm_id = new_id()
        assert hypervisor.status(vm_id) == VmStatus(id=vm_id, exists=False)

    @pytest.mark.requirement("EI-1")
    @pytest.mark.parametrize("addresses", [("203.0.113.9; reboot",), ("203.0.113.9",) * (MOST_PROBED + 1)])
    def test_only_addresses_are_probed_and_not_too_many(
        self, hypervisor: Hypervisor, addresses: tuple[str, ...]
    ) -> None:
        with refused("hypervisor.bad_addresses"):
            hypervisor.probe_addresses("physnet1", 101, addresses)
        assert hypervisor.probe_addresses("physnet1", 101, ()) == ()

    def test_a_defined_vm_is_off_and_knows_its_generation(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        for generation in (3, 3, 4):
            hypervisor.ensure_vm(replace(vm, generation=generation))
        assert hypervisor.status(vm.id) == VmStatus(
            id=vm.id, exists=True, power=Power.OFF, boot=0, generation=4
        )

    @pytest.mark.requirement("VM-3")
    def test_power_goes_on_and_off_and_remembers_the_boot(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=5)
        assert (on.power, on.boot) == (Power.ON, 5)
        assert hypervisor.status(vm.id) == on
        off = hypervisor.ensure_power(vm.id, Power.OFF)
        assert (off.power, off.boot) == (Power.OFF, 5)
        assert hypervisor.status(vm.id) == off

    def test_a_vm_that_is_on_stays_in_its_boot(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=2).boot == 1

    def test_switching_off_what_is_off_or_unknown_is_fine(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        assert hypervisor.ensure_power(vm.id, Power.OFF).power is Power.OFF
        assert hypervisor.ensure_power(vm.id, Power.OFF, graceful=True).power is Power.OFF
        assert not hypervisor.ensure_power(new_id(), Power.OFF).exists

    def test_an_unknown_vm_cannot_be_switched_on(self, hypervisor: Hypervisor) -> None:
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_power(new_id(), Power.ON)

    def test_a_vm_does_not_start_without_its_volumes(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        gone = a_volume(vm.disks[0].volume.pool)
        hypervisor.ensure_vm(replace(vm, disks=(*vm.disks, DiskAttachment(gone, slot=1))))
        with refused("hypervisor.volume_missing"):
            hypervisor.ensure_power(vm.id, Power.ON)
        assert hypervisor.status(vm.id).power is Power.OFF

    def test_a_running_vm_keeps_running_when_its_definition_changes(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        hypervisor.ensure_vm(replace(vm, memory_mib=vm.memory_mib + 32, generation=2))
        assert hypervisor.status(vm.id) == VmStatus(
            id=vm.id, exists=True, power=Power.ON, boot=1, generation=2
        )

    def test_removing_a_running_vm_stops_it_first(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON)
        for _ in range(2):
            hypervisor.ensure_vm_absent(vm.id)
        assert not hypervisor.status(vm.id).exists
        hypervisor.ensure_vm(vm)
        assert hypervisor.ensure_power(vm.id, Power.ON).power is Power.ON

    def test_a_volume_runs_in_one_vm_at_a_time(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        twin = replace(vm, id=new_id(), name="twin", nics=())
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_vm(twin)
        hypervisor.ensure_power(vm.id, Power.ON)
        with refused("hypervisor.volume_in_use"):
            hypervisor.ensure_power(twin.id, Power.ON)
        hypervisor.ensure_vm_absent(twin.id)

    @pytest.mark.requirement("VN-2")
    def test_the_console_of_a_running_vm_opens_and_closes(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON)
        until = datetime.now(UTC) + timedelta(seconds=300)
        first = hypervisor.open_console(vm.id, password="abcd1234", valid_until=until)
        assert first.host
        assert 5900 <= first.port < 65536
        assert hypervisor.open_console(vm.id, password="efgh5678", valid_until=until) == first
        hypervisor.close_console(vm.id)
        hypervisor.close_console(vm.id)

    def test_the_console_of_a_vm_that_is_off_cannot_be_opened(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        until = datetime.now(UTC) + timedelta(seconds=300)
        hypervisor.ensure_vm(vm)
        with refused("hypervisor.vm_off"):
            hypervisor.open_console(vm.id, password="abcd1234", valid_until=until)
        with refused("hypervisor.vm_missing"):
            hypervisor.open_console(new_id(), password="abcd1234", valid_until=until)
        hypervisor.close_console(vm.id)

    def test_the_host_observes_itself_and_its_vms(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=9)

        seen = hypervisor.observe()

        assert seen.vcpus > 0
        assert seen.memory_mib > 0
        assert seen.architecture == "x86_64"
        status = VmStatus(id=vm.id, exists=True, power=Power.ON, boot=9, generation=1)
        assert status in [replace(each, disks=None, nics=None) for each in seen.vms]

    @pytest.mark.requirement("VM-9")
    def test_resuming_what_runs_is_off_or_unknown_changes_nothing(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        assert not hypervisor.ensure_resumed(new_id()).exists
        hypervisor.ensure_vm(vm)
        assert hypervisor.ensure_resumed(vm.id).power is Power.OFF
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_resumed(vm.id) == on

    @pytest.mark.requirement("VM-9")
    def test_what_somebody_paused_on_purpose_says_so_and_is_not_resumed(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        self.pause(hypervisor, vm.id)
        paused = hypervisor.status(vm.id)
        assert (paused.power, paused.paused, paused.resumable) == (Power.ON, PauseReason.OTHER, False)
        assert hypervisor.ensure_resumed(vm.id) == paused
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=2) == paused
        assert paused in [replace(each, disks=None, nics=None) for each in hypervisor.observe().vms]

    @pytest.mark.requirement("VM-9")
    def test_a_paused_vm_cannot_react_but_goes_off_by_force(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        self.pause(hypervisor, vm.id)
        assert hypervisor.ensure_power(vm.id, Power.OFF, graceful=True).paused
        off = hypervisor.ensure_power(vm.id, Power.OFF)
        assert (off.power, off.paused) == (Power.OFF, PauseReason.NONE)
        assert not hypervisor.ensure_power(vm.id, Power.ON, boot=2).paused

    @pytest.mark.requirement("SE-4")
    def test_a_seed_can_be_brought_down_to_what_is_no_secret(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_seed(new_id(), SeedSpec("nobody"))
        hypervisor.ensure_vm(replace(vm, seed=SeedSpec("web", password_hash="$6$secret")))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        for _ in range(2):
            hypervisor.ensure_seed(vm.id, SeedSpec("web"))
        status = hypervisor.status(vm.id)
        assert (status.power, status.boot, status.generation) == (Power.ON, 1, vm.generation)
        hypervisor.ensure_vm(replace(vm, seed=SeedSpec("web")))
        hypervisor.ensure_power(vm.id, Power.OFF)
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=2).boot == 2

    @pytest.mark.requirement("UX-14")
    def test_a_running_vms_screen_can_be_pictured(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        with refused("hypervisor.vm_missing"):
            hypervisor.screenshot(vm.id)
        hypervisor.ensure_vm(vm)
        with refused("hypervisor.vm_off"):
            hypervisor.screenshot(vm.id)
        hypervisor.ensure_power(vm.id, Power.ON)
        taken = hypervisor.screenshot(vm.id)
        assert taken.id == vm.id
        assert 100 <= taken.width <= MOST_SCREEN_WIDTH
        assert 100 <= taken.height <= MOST_SCREEN_HEIGHT
        assert len(taken.pixels) == 3 * taken.width * taken.height


def with_data(vm: VmSpec, data: VolumeSpec, slot: int = 1, **limits: int) -> VmSpec:
    """The VM with one more disk."""
    return replace(vm, disks=(*vm.disks, DiskAttachment(data, slot=slot, **limits)))


def sizes_of(disks: VmDisks) -> dict[str, int]:
    return {disk.id: disk.size_bytes >> 30 for disk in disks.running}


def reported(hypervisor: Hypervisor, vm: VmSpec) -> set[ReportedDisk]:
    """The disks of the VM that its host reports."""
    (status,) = (each for each in hypervisor.observe().vms if each.id == vm.id)
    assert status.disks is not None
    return set(status.disks)


@pytest.mark.requirement("EV-2")
class DisksContract:
    """What every `Hypervisor` does with the disks of a VM that has no guest agent."""

    #: Whether the guest releases a disk when it is asked.
    guest_answers = True

    def test_an_unknown_vm_has_no_disks_and_gets_none(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        assert hypervisor.disks(vm.id) == VmDisks()
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_disks(vm)

    def test_a_disk_is_attached_to_a_vm_that_is_off_and_is_there_when_it_starts(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        system = vm.disks[0].volume
        hypervisor.ensure_vm(vm)
        for _ in range(2):
            assert hypervisor.ensure_disks(with_data(vm, data)) == VmDisks((), (system.id, data.id))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        seen = hypervisor.disks(vm.id)
        assert sizes_of(seen) == {system.id: 1, data.id: 1}
        assert seen.holds(data.id)

    def test_a_disk_is_attached_to_a_running_vm_and_stays_at_its_next_start(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        system = vm.disks[0].volume
        hypervisor.ensure_vm(vm)
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert sizes_of(hypervisor.disks(vm.id)) == {system.id: 1}
        for _ in range(2):
            seen = hypervisor.ensure_disks(with_data(vm, data, iops=500, bytes_per_second=1 << 20))
            assert sizes_of(seen) == {system.id: 1, data.id: 1}
            assert set(seen.stored) == {system.id, data.id}
        assert hypervisor.status(vm.id) == on
        hypervisor.ensure_power(vm.id, Power.OFF)
        assert set(hypervisor.disks(vm.id).stored) == {system.id, data.id}
        assert hypervisor.ensure_power(vm.id, Power.ON, boot=2).power is Power.ON

    def test_a_disk_is_detached_from_a_vm_that_is_off_and_again_does_no_harm(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        hypervisor.ensure_vm(with_data(vm, data))
        for _ in range(2):
            seen = hypervisor.ensure_disks(vm)
            assert not seen.holds(data.id)
            assert seen.holds(vm.disks[0].volume.id)

    def test_what_is_detached_is_gone_from_the_definition_and_from_the_vm_when_it_is_off_at_the_latest(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        hypervisor.ensure_vm(with_data(vm, data))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        for _ in range(2):
            seen = hypervisor.ensure_disks(vm)
            assert data.id not in seen.stored
            assert seen.holds(data.id) is not self.guest_answers
        hypervisor.ensure_power(vm.id, Power.OFF)
        assert not hypervisor.disks(vm.id).holds(data.id)
        hypervisor.ensure_disks(with_data(vm, data))
        hypervisor.ensure_power(vm.id, Power.ON, boot=2)
        assert hypervisor.disks(vm.id).holds(data.id)

    def test_a_volume_that_another_vm_has_open_is_not_attached(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        other = replace(vm, id=new_id(), name="other", nics=(), disks=(DiskAttachment(data),))
        hypervisor.ensure_vm(other)
        hypervisor.ensure_power(other.id, Power.ON)
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON)
        with refused("hypervisor.volume_in_use"):
            hypervisor.ensure_disks(with_data(vm, data))
        assert set(sizes_of(hypervisor.disks(vm.id))) == {vm.disks[0].volume.id}
        hypervisor.ensure_vm_absent(other.id)
        assert hypervisor.ensure_disks(with_data(vm, data)).holds(data.id)

    @pytest.mark.parametrize("power", list(Power))
    def test_a_volume_that_is_not_there_is_not_attached(
        self, hypervisor: Hypervisor, vm: VmSpec, power: Power
    ) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, power)
        gone = a_volume(vm.disks[0].volume.pool)
        with refused("hypervisor.volume_missing"):
            hypervisor.ensure_disks(with_data(vm, gone))
        assert not hypervisor.disks(vm.id).holds(gone.id)

    @pytest.mark.requirement("EV-4")
    def test_a_disk_grows_under_a_running_vm_and_never_shrinks(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        hypervisor.ensure_vm(with_data(vm, data))
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        for asked, got in ((3, 3), (3, 3), (2, 3), (4, 4)):
            seen = hypervisor.ensure_disks(with_data(vm, replace(data, size_gib=asked)))
            assert sizes_of(seen)[data.id] == got

    @pytest.mark.requirement("OP-3")
    def test_the_host_reports_the_disks_of_each_vm_with_limits_and_the_size_that_the_guest_sees(
        self, hypervisor: Hypervisor, vm: VmSpec, data: VolumeSpec
    ) -> None:
        system = vm.disks[0]
        limited = with_data(vm, data, iops=500, bytes_per_second=1 << 20)
        hypervisor.ensure_vm(limited)
        for power, size in ((Power.OFF, 0), (Power.ON, 1 << 30)):
            hypervisor.ensure_power(vm.id, power, boot=1)
            assert reported(hypervisor, vm) == {
                ReportedDisk(system.volume.id, size, system.iops, system.bytes_per_second),
                ReportedDisk(data.id, size, 500, 1 << 20),
            }
        hypervisor.ensure_disks(with_data(vm, replace(data, size_gib=2), iops=700))
        assert ReportedDisk(data.id, 2 << 30, 700) in reported(hypervisor, vm)

    def test_a_guest_without_an_agent_cannot_be_asked_for_its_mounts(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        with refused("hypervisor.vm_missing"):
            hypervisor.mounts(vm.id)
        hypervisor.ensure_vm(vm)
        assert hypervisor.mounts(vm.id) == GuestMounts(asked=False)
        hypervisor.ensure_power(vm.id, Power.ON)
        assert hypervisor.mounts(vm.id) == GuestMounts(asked=False)

    @pytest.mark.requirement("VM-4")
    def test_a_guest_without_an_agent_gets_no_password(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        wanted = GuestPassword(vm.id, "root", "Secret-12345")
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_password(wanted)
        hypervisor.ensure_vm(vm)
        with refused("hypervisor.vm_off"):
            hypervisor.ensure_password(wanted)
        hypervisor.ensure_power(vm.id, Power.ON)
        with refused("hypervisor.no_guest_agent"):
            hypervisor.ensure_password(wanted)

    @pytest.mark.requirement("VM-11")
    def test_a_vm_without_a_guest_agent_is_held_by_stopping_it(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        hypervisor.ensure_vm(vm)
        on = hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_held(vm.id, 60, pause=False) == Held(frozen=False, paused=False)
        hypervisor.ensure_released(vm.id)
        for _ in range(2):
            assert hypervisor.ensure_held(vm.id, 60, pause=True) == Held(frozen=False, paused=True)
        assert hypervisor.ensure_released(vm.id) == Held(frozen=False, paused=True)
        assert hypervisor.ensure_released(vm.id) == Held(frozen=False, paused=False)
        assert hypervisor.status(vm.id) == on

    @pytest.mark.requirement("VM-11")
    def test_a_vm_that_is_off_is_at_rest_and_an_unknown_one_cannot_be_held(
        self, hypervisor: Hypervisor, vm: VmSpec
    ) -> None:
        nothing = Held(frozen=False, paused=False)
        with refused("hypervisor.vm_missing"):
            hypervisor.ensure_held(vm.id, 60, pause=True)
        assert hypervisor.ensure_released(vm.id) == nothing
        hypervisor.ensure_vm(vm)
        assert hypervisor.ensure_held(vm.id, 60, pause=True) == nothing
        assert hypervisor.ensure_released(vm.id) == nothing

    @pytest.mark.requirement("VM-11")
    def test_a_vm_that_nobody_releases_goes_on_by_itself(self, hypervisor: Hypervisor, vm: VmSpec) -> None:
        hypervisor.ensure_vm(vm)
        hypervisor.ensure_power(vm.id, Power.ON, boot=1)
        assert hypervisor.ensure_held(vm.id, 1, pause=True).paused
        give_up = time.monotonic() + patience(20)
        while hypervisor.status(vm.id).paused:
            assert time.monotonic() < give_up
            time.sleep(0.2)
        assert hypervisor.ensure_released(vm.id) == Held(frozen=False, paused=False)
