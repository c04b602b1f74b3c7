"""A host fails while a VM moves: it runs once, on a host that is up, and its row says where."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import InstanceType, Vm
from apps.compute.reconciled.reservations import recount_hosts
from apps.compute.recovery import recover_vms
from apps.compute.services.migration import migrate_vm
from apps.compute.services.resize import discard_resize, resize_vm
from apps.compute.specs import vm_spec
from apps.drivers.memory import MemoryHypervisor, MemoryMigrations
from apps.drivers.memory.records import vms_of
from apps.drivers.specs import MigrationLimits, Power
from apps.infrastructure.models import Certainty, Host
from apps.infrastructure.services.failure import mark_off
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Busy
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import actor_for_user

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7"), pytest.mark.requirement("CL-6")]


@pytest.fixture
def admin(ada: User) -> Actor:
    return actor_for_user(ada)


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet)


def homes(cloud: Cloud, vm: Vm) -> tuple[Host, Host]:
    """The VM's host and the other one."""
    (other,) = (host for host in cloud.hosts if host.pk != vm.host_id)
    return Host.objects.get(pk=vm.host_id), other


def cut(cloud: Cloud, host: Host) -> Host:
    cloud.world.power_cut(host.name)
    mark_off(host, Certainty.ADMIN)
    return Host.objects.get(pk=host.pk)


def carried_out(operation: Operation) -> Operation:
    Operation.objects.filter(pk=operation.pk).update(not_before=timezone.now())
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


def runs_on(cloud: Cloud, vm: Vm) -> list[str]:
    with cloud.world.records() as state:
        found = {host.name: state.get(vms_of(host.name), str(vm.pk)) for host in cloud.hosts}
    running = [name for name, each in found.items() if each is not None and each.power is Power.ON]
    row = Vm.objects.select_related("host").get(pk=vm.pk)
    assert row.next_host is None
    assert recount_hosts() == 0
    assert row.host is not None
    assert running in ([], [row.host.name])
    return running


def copied(cloud: Cloud, vm: Vm, home: Host, other: Host) -> None:
    """Have the memory copied to its end, as a worker that has died since did."""
    arrival = MemoryHypervisor(cloud.world, other.name).ensure_arrival(vm_spec(Vm.objects.get(pk=vm.pk)))
    moving = MemoryMigrations(cloud.world, home.name, other.name)
    assert moving.start(str(vm.pk), arrival, MigrationLimits()).wait(1)


def test_of_a_source_that_fails_before_the_vm_has_left_it_is_recovered(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    dead = cut(cloud, home)
    recover_vms(dead)
    assert not Operation.objects.filter(verb="vm.recover").exists(), "it may run on the other host"
    assert carried_out(operation).error["code"] == "vm.source_failed"
    recover_vms(dead)
    assert carried_out(Operation.objects.get(verb="vm.recover")).status == OperationStatus.DONE
    assert runs_on(cloud, vm) == [other.name]


def test_a_vm_that_had_left_a_source_that_fails_goes_on_and_is_not_started_again(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    copied(cloud, vm, home, other)
    dead = cut(cloud, home)
    recover_vms(dead)
    assert carried_out(operation).status == OperationStatus.DONE, operation.error
    recover_vms(dead)
    assert not Operation.objects.filter(verb="vm.recover").exists()
    assert runs_on(cloud, vm) == [other.name]


def test_a_vm_stays_where_it_is_when_its_target_fails(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    dead = cut(cloud, other)
    assert carried_out(operation).error["code"] == "vm.target_failed"
    recover_vms(dead)
    assert not Operation.objects.filter(verb="vm.recover").exists()
    assert runs_on(cloud, vm) == [home.name]


def test_a_vm_that_had_arrived_on_a_target_that_fails_starts_where_it_came_from(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    home, other = homes(cloud, vm)
    operation = migrate_vm(admin, vm, host=other.pk)
    copied(cloud, vm, home, other)
    dead = cut(cloud, other)
    assert carried_out(operation).error["code"] == "vm.target_failed"
    recover_vms(dead)
    assert not Operation.objects.filter(verb="vm.recover").exists()
    assert runs_on(cloud, vm) == [home.name]


def test_a_prepared_size_moves_with_its_vm(cloud: Cloud, vm: Vm, admin: Actor, owner: Actor) -> None:
    _home, other = homes(cloud, vm)
    larger = InstanceType.objects.get(cluster=cloud.cluster, vcpu=2)
    carried_out(resize_vm(owner, vm, instance_type=larger.pk))
    operation = migrate_vm(admin, vm, host=other.pk)
    assert recount_hosts() == 0, "the larger size is reserved on both"
    with pytest.raises(Busy):
        discard_resize(owner, vm)
    assert carried_out(operation).status == OperationStatus.DONE, operation.error
    assert runs_on(cloud, vm) == [other.name]
    discard_resize(owner, Vm.objects.get(pk=vm.pk))
    assert recount_hosts() == 0
