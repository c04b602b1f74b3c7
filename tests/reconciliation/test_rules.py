"""Every rule and kind: plant a difference, look twice, see what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from apps.accounts.models import Project
from apps.compute.models import Power, Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, restart_vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric, MemoryVolumes
from apps.drivers.memory.records import GROUPS, PORTS, SUBNETS, UNFINISHED, UNPROTECTED, VOLUMES, VPCS
from apps.drivers.specs import (
    FabricSpec,
    PoolKind,
    PortSpec,
    SecurityGroupSpec,
    SubnetSpec,
    Unfinished,
    VolumeSpec,
    VpcSpec,
)
from apps.drivers.specs import Power as DriverPower
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource
from apps.lifecycle.stored_messages import rendered_message
from apps.network.models import NicRole, Subnet
from apps.network.platform_settings import NIC_CONNECTIONS
from apps.network.services.nic import set_nic_bandwidth, set_security_group
from apps.network.services.vpc import create_vpc
from apps.reconciliation import tasks
from apps.reconciliation.models import Finding, FindingState, Look, Rule
from apps.reconciliation.rules import PROTECTION
from apps.settings_pages.services import change_settings
from apps.storage.models import Disk
from apps.storage.specs import volume_spec
from tests.compute.factories import GIB, Cloud, make_group
from tests.kinds import STRAYS
from tests.reconciliation.drift import findings, later, look, look_twice, repaired, the_finding, work
from tests.reconciliation.planting import (
    change,
    every_difference,
    forget,
    hypervisor,
    other_host,
    stray_volume,
    with_parts,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3")]

# -- R1: the row says it is there ------------------------------------------------------------------------------------


def test_nothing_is_found_where_all_is_well(vm: Vm) -> None:
    look_twice()
    assert not Finding.objects.exists()


def test_a_running_vms_lost_domain_is_defined_and_started_again(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    look_twice()
    assert work() == ["vm.resync"]
    status = hypervisor(cloud, vm).status(str(vm.pk))
    assert (status.exists, status.power, status.generation) == (True, DriverPower.ON, vm.generation)
    assert repaired() == [(Rule.STALE, "", "vm")]


def test_a_lost_domain_of_a_vm_wanted_off_is_defined_and_stays_off(cloud: Cloud, vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    look_twice()
    assert work() == ["vm.resync"]
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower.OFF
    assert hypervisor(cloud, vm).status(str(vm.pk)).exists


def test_a_vm_that_could_not_be_deleted_to_its_end_is_not_made_whole(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    cloud.world.fail("volumes.ensure_volume_absent", DriverError("No.", code="tried.refused", permanent=True))
    operation = delete_vm(owner, vm)
    execute(operation.pk)
    assert Operation.objects.get(pk=operation.pk).status == OperationStatus.FAILED
    assert not hypervisor(cloud, vm).status(str(vm.pk)).exists
    look_twice()
    assert findings(kind="vm", rule=Rule.STALE), "it is listed"
    assert work() == []
    done = delete_vm(owner, Vm.objects.get(pk=vm.pk))
    assert work() == ["vm.delete"] and not Vm.objects.filter(pk=done.target_id).exists()


def failed_to_delete(vm: Vm, code: str) -> None:
    Resource.objects.filter(pk=vm.pk).update(
        error={"verb": "vm.delete", "code": code, "message": "No.", "hint": ""}
    )


def test_a_vm_whose_deletion_was_cancelled_is_made_whole(cloud: Cloud, vm: Vm) -> None:
    failed_to_delete(vm, "operation.cancelled")
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    look_twice()
    assert work() == ["vm.resync"]


def test_what_a_vm_lacks_that_is_still_there_is_repaired_though_its_deletion_failed(
    cloud: Cloud, vm: Vm
) -> None:
    failed_to_delete(vm, "tried.refused")
    forget(cloud, PortSpec, vm.nics.get(role=NicRole.INTERNAL).pk)
    look_twice()
    assert work() == ["vm.resync"]


@pytest.mark.parametrize(("verb", "kept"), [("vm.power_off", True), ("vm.set_security_group", False)])
def test_a_resync_of_ports_alone_keeps_the_error_of_what_failed_on_the_host(
    cloud: Cloud, vm: Vm, verb: str, kept: bool
) -> None:
    error = {"verb": verb, "code": "tried.refused", "message": "No.", "hint": ""}
    Resource.objects.filter(pk=vm.pk).update(error=error)
    forget(cloud, PortSpec, vm.nics.get(role=NicRole.INTERNAL).pk)
    look_twice()
    assert work() == ["vm.resync"]
    assert Resource.objects.get(pk=vm.pk).error == (error if kept else {})


def test_a_lost_volume_is_for_the_administrator_and_never_made_anew(cloud: Cloud, vm: Vm) -> None:
    disk = vm.disks.get()
    with cloud.world.records() as state:
        state.delete(VOLUMES, str(disk.pk))
    look_twice()
    assert work() == []
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.target_id) == (Rule.STALE, "disk", disk.pk)
    assert finding.resource_id == vm.pk and finding.tenant_id == vm.tenant_id
    assert str(disk.pk) not in MemoryVolumes(cloud.world).inventory(cloud.storage.spec()).of(PoolKind.VOLUME)
    assert rendered_message(finding.kept) == f"Its volume is missing in {cloud.storage}."


def test_a_lost_image_is_for_the_administrator(cloud: Cloud, vm: Vm) -> None:
    volumes = MemoryVolumes(cloud.world)
    spare = cloud.image.spec()
    with cloud.world.records() as state:
        for volume in state.all(VOLUMES).values():
            state.put(VOLUMES, volume.id, replace(volume, image_id=None))
    volumes.ensure_image_absent(spare)
    look_twice()
    assert (the_finding().rule, the_finding().kind) == (Rule.STALE, "image")
    assert work() == []


@pytest.mark.parametrize(
    ("kind", "verb"),
    [
        (VpcSpec, "vpc.resync"),
        (SubnetSpec, "subnet.resync"),
        (SecurityGroupSpec, "security_group.resync"),
        (PortSpec, "vm.resync"),
    ],
)
def test_a_lost_network_object_is_made_again(
    cloud: Cloud, vm: Vm, subnet: Subnet, project_a: Project, kind: type[FabricSpec], verb: str
) -> None:
    group = make_group(cloud.region, project_a)
    ids = {
        VpcSpec: subnet.vpc_id,
        SubnetSpec: subnet.pk,
        SecurityGroupSpec: group.pk,
        PortSpec: vm.nics.get(role="internal").pk,
    }
    forget(cloud, kind, ids[kind])
    look_twice()
    assert work() == [verb]
    seen = MemoryFabric(cloud.world).inventory()
    there = {id for ids in seen.generations.values() for id in ids}
    assert str(ids[kind]) in there
    assert [rule for rule, _aspect, _kind in repaired()] == [Rule.STALE]
    look_twice()
    assert findings() == []


@pytest.mark.requirement("SE-10")
@pytest.mark.parametrize(
    ("kind", "verb"), [("vpc", "vpc.resync"), ("subnet", "subnet.resync"), ("nic", "vm.resync")]
)
def test_what_lacks_its_limits_gets_them_back(
    cloud: Cloud, vm: Vm, subnet: Subnet, kind: str, verb: str
) -> None:
    id = {"vpc": subnet.vpc_id, "subnet": subnet.pk, "nic": vm.nics.get(role="internal").pk}[kind]
    with cloud.world.records() as state:
        state.put(UNPROTECTED, str(id), "its limits")
    look_twice()
    assert (the_finding().kind, the_finding().aspect) == (kind, PROTECTION)
    assert work() == [verb]
    assert repaired() == [(Rule.UNSYNCED, PROTECTION, kind)]
    look_twice()
    assert findings() == []


@pytest.mark.requirement("SE-10")
def test_ports_follow_the_setting_of_connections_per_nic(cloud: Cloud, vm: Vm, admin: Any) -> None:
    port = str(vm.nics.get(role="internal").pk)
    assert MemoryFabric(cloud.world).inventory().connection_limits[port] == NIC_CONNECTIONS.default
    change_settings(admin, {NIC_CONNECTIONS.name: 4096})
    look_twice()
    assert work() == ["vm.resync"]
    assert MemoryFabric(cloud.world).inventory().connection_limits[port] == 4096


def test_a_network_that_is_lost_altogether_is_made_again_from_the_ground_up(
    cloud: Cloud, vm: Vm, subnet: Subnet, owner: Any, project_a: Project
) -> None:
    group = make_group(cloud.region, project_a)
    set_security_group(owner, vm, security_group=group.pk)
    work()
    before = MemoryFabric(cloud.world).inventory()
    for kind, id in (
        (PortSpec, vm.nics.get(role="internal").pk),
        (SecurityGroupSpec, group.pk),
        (SubnetSpec, subnet.pk),
        (VpcSpec, subnet.vpc_id),
    ):
        forget(cloud, kind, id)
    look_twice()
    assert work() == ["vpc.resync", "subnet.resync", "security_group.resync", "vm.resync"]
    assert MemoryFabric(cloud.world).inventory() == before


def test_nothing_is_removed_because_a_row_went(cloud: Cloud, vm: Vm, owner: Any) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    look_twice()
    Operation.objects.open().delete()
    Finding.objects.update(state=FindingState.OPEN, resource=None)
    tasks.reconcile()
    assert not Operation.objects.open().exists()


# -- R2: no row knows it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STRAYS)
def test_what_no_row_knows_is_listed_and_never_removed_by_itself(cloud: Cloud, vm: Vm, kind: str) -> None:
    STRAYS[kind](cloud, vm)
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.kind, finding.resource_id) == (Rule.ORPHAN, kind, None)
    assert finding.place
    look_twice()
    assert work() == []
    assert the_finding().pk == finding.pk and the_finding().looks == 4


def test_unfinished_files_go_after_a_day_without_a_write(cloud: Cloud, vm: Vm) -> None:
    pool = cloud.storage.spec()
    for age in (3600.0, 2 * 86400.0):
        left = Unfinished(PoolKind.VOLUME, str(uuid4()), age)
        with cloud.world.records() as state:
            state.put(UNFINISHED, f"{pool.id}/volume/{left.id}", left)
    look_twice()
    assert work() == ["finding.force_clean"]
    (rest,) = MemoryVolumes(cloud.world).inventory(pool).unfinished
    assert rest.idle_seconds == 3600.0
    assert repaired() == [(Rule.ORPHAN, "partial", "disk")]


def test_an_orphan_that_gets_a_row_or_goes_is_gone(cloud: Cloud, vm: Vm) -> None:
    stray_volume(cloud, vm)
    look_twice()
    finding = the_finding()
    MemoryVolumes(cloud.world).ensure_volume_absent(
        VolumeSpec(str(finding.target_id), cloud.storage.spec(), 7)
    )
    later()
    look()
    finding.refresh_from_db()
    assert finding.state == FindingState.GONE and finding.settled_at is not None


# -- R3: both are there and differ -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "verb"),
    [
        (VPCS, "vpc.resync"),
        (SUBNETS, "subnet.resync"),
        (GROUPS, "security_group.resync"),
        (PORTS, "vm.resync"),
    ],
)
def test_an_older_generation_in_the_network_is_brought_up_to_date(
    cloud: Cloud, vm: Vm, subnet: Subnet, project_a: Project, table: Any, verb: str
) -> None:
    group = make_group(cloud.region, project_a)
    nic = vm.nics.get(role="internal")
    id = {VPCS: subnet.vpc_id, SUBNETS: subnet.pk, GROUPS: group.pk, PORTS: nic.pk}[table]
    change(cloud, table, id, generation=0)
    look_twice()
    assert work() == [verb]
    with cloud.world.records() as state:
        assert state.all(table)[str(id)].generation == 1
    look_twice()
    assert findings() == []


def test_a_newer_generation_is_for_the_administrator(cloud: Cloud, vm: Vm, subnet: Subnet) -> None:
    change(cloud, SUBNETS, subnet.pk, generation=9)
    look_twice()
    assert (the_finding().rule, the_finding().aspect) == (Rule.UNSYNCED, "ahead")
    assert work() == []


def test_a_running_vm_defined_from_an_older_generation_is_defined_anew_and_runs_on(
    cloud: Cloud, vm: Vm
) -> None:
    assert vm.host is not None
    Resource.objects.filter(pk=vm.pk).update(generation=5)
    change(cloud, PORTS, vm.nics.get(role="internal").pk, generation=5)
    look_twice()
    assert work() == ["vm.resync"]
    status = hypervisor(cloud, vm).status(str(vm.pk))
    assert (status.generation, status.power, status.boot) == (5, DriverPower.ON, 1)


def test_a_vm_that_is_off_may_lag_behind_since_its_start_defines_it_anew(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_power(str(vm.pk), DriverPower.OFF)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    Resource.objects.filter(pk=vm.pk).update(generation=5)
    look_twice()
    assert findings() == []


def test_binding_another_group_needs_no_new_definition(
    cloud: Cloud, vm: Vm, project_a: Project, owner: Any
) -> None:
    group = make_group(cloud.region, project_a)
    set_security_group(owner, vm, security_group=group.pk)
    work()
    look_twice()
    assert findings() == [] and not Operation.objects.filter(verb="vm.resync").exists()
    Resource.objects.filter(pk=vm.pk).update(generation=5)
    change(cloud, PORTS, vm.nics.get(role="internal").pk, generation=5)
    look_twice()
    assert work() == ["vm.resync"], "that explains one generation, not more"


def test_a_resync_of_ports_alone_is_no_new_definition(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    execute(set_nic_bandwidth(owner, vm, role=NicRole.INTERNAL, mbit_in=10, mbit_out=10).pk)
    forget(cloud, PortSpec, vm.nics.get(role=NicRole.INTERNAL).pk)
    look_twice()
    assert work() == ["vm.resync"]
    look_twice()
    assert work() == []


def test_another_bandwidth_needs_no_new_definition(vm: Vm, owner: Actor) -> None:
    execute(set_nic_bandwidth(owner, vm, role=NicRole.INTERNAL, mbit_in=10, mbit_out=10).pk)
    look_twice()
    assert not Finding.objects.exists()


def test_a_vm_running_against_its_owners_will_is_for_the_administrator(cloud: Cloud, vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    look_twice()
    finding = the_finding()
    assert (finding.rule, finding.aspect) == (Rule.UNSYNCED, "power")
    assert (
        vm.host is not None
        and rendered_message(finding.kept) == f"Should be stopped, but is running on host {vm.host.name}."
    )
    assert work() == []
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower.ON


def test_a_vm_defined_on_two_hosts_is_never_touched(cloud: Cloud, vm: Vm) -> None:
    other_host(cloud, vm).ensure_vm(vm_spec(with_parts(vm)))
    look_twice()
    assert the_finding().aspect == "doubled"
    look_twice()
    assert work() == []


def test_a_vm_on_another_host_is_not_started_on_its_own_again(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    other_host(cloud, vm).ensure_vm(vm_spec(with_parts(vm)))
    other_host(cloud, vm).ensure_power(str(vm.pk), DriverPower.ON, boot=1)
    for _ in range(2):
        look_twice()
    assert {(f.rule, f.aspect) for f in findings()} == {(Rule.STALE, ""), (Rule.UNSYNCED, "misplaced")}
    assert work() == []


@pytest.mark.parametrize("power", list(Power))
def test_a_volume_that_is_too_small_grows_with_its_vm_running_or_stopped(
    cloud: Cloud, vm: Vm, power: Power
) -> None:
    disk = vm.disks.get()
    hypervisor(cloud, vm).ensure_power(str(vm.pk), DriverPower(power), boot=1)
    Vm.objects.filter(pk=vm.pk).update(power=power, power_seen=power)
    Disk.objects.filter(pk=disk.pk).update(size_gib=80)
    look_twice()
    on = {"size", "guest_size"}
    assert {finding.aspect for finding in findings()} == (on if power == Power.ON else {"size"})
    assert work() == ["vm.resync"]
    volumes = MemoryVolumes(cloud.world).inventory(cloud.storage.spec()).of(PoolKind.VOLUME)
    assert volumes[str(disk.pk)] == 80 * GIB
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower(power)
    assert volume_spec(Disk.objects.select_related("cluster").get(pk=disk.pk)).size_gib == 80


# -- when it counts --------------------------------------------------------------------------------------------------


def test_one_look_is_not_enough(cloud: Cloud, vm: Vm) -> None:
    every_difference(cloud, vm)
    stray_volume(cloud, vm)
    later()
    look()
    assert findings() == [] and work() == []
    assert set(Finding.objects.values_list("state", flat=True)) == {FindingState.SUSPECTED}


def test_two_looks_must_be_in_a_row(cloud: Cloud, vm: Vm) -> None:
    spec = VolumeSpec(str(uuid4()), cloud.storage.spec(), 7)
    volumes = MemoryVolumes(cloud.world)
    for there in (True, False, True):
        (volumes.ensure_volume if there else volumes.ensure_volume_absent)(spec)
        later()
        look()
    assert findings() == []


def test_what_has_just_changed_is_left_alone(cloud: Cloud, vm: Vm) -> None:
    every_difference(cloud, vm)
    for _ in range(3):
        later()
        Resource.objects.filter(pk=vm.pk).update(updated_at=Operation.objects.latest("created_at").created_at)
        look()
    assert not Finding.objects.exclude(kind="disk").exists()
    assert not Finding.objects.filter(resource=vm).exists()


def test_an_orphan_seen_twice_within_the_grace_time_is_not_confirmed(cloud: Cloud, vm: Vm) -> None:
    stray_volume(cloud, vm)
    for _ in range(3):
        Look.objects.all().delete()
        look()
    assert findings() == []
    assert Finding.objects.get().looks == 3


def test_what_an_operation_is_at_is_left_alone(cloud: Cloud, vm: Vm, owner: Any) -> None:
    every_difference(cloud, vm)
    operation = restart_vm(owner, vm)
    look_twice()
    assert not Finding.objects.exists()
    assert list(Operation.objects.open()) == [operation]


def test_what_is_locked_beside_another_operation_is_left_alone(
    cloud: Cloud, vm: Vm, subnet: Subnet, owner: Any
) -> None:

    holder = create_vpc(owner, name="other", cidr="10.0.0.0/24", region=cloud.region.name)
    OperationLock.objects.create(resource_id=vm.pk, operation=holder)
    every_difference(cloud, vm)
    look_twice()
    assert not Finding.objects.exists()


def test_what_a_busy_vm_was_found_for_stays_listed(cloud: Cloud, vm: Vm, owner: Any) -> None:
    with cloud.world.records() as state:
        state.delete(VOLUMES, str(vm.disks.get().pk))
    look_twice()
    power_off_vm(owner, vm)
    later()
    look()
    assert the_finding().kind == "disk"
