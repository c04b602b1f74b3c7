"""VMs of a dead host that were being created, whose creation had failed, or that are deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from apps.compute.models import Power, Vm
from apps.compute.recovery import moved_from, recover_vms
from apps.compute.services import power
from apps.compute.services.delete import delete_vm
from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NoCapacity
from apps.lifecycle.models import OperationStatus, State
from apps.network.models import Subnet
from tests.compute.factories import Cloud, ask_for_vms, make_vm, settled
from tests.compute.test_recovery import cut, home, is_on, other, recoveries, returned

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


@pytest.mark.parametrize("begun", [True, False])
def test_a_vm_that_was_being_created_is_created_elsewhere(
    begun: bool, cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creation,) = ask_for_vms(owner, cloud, subnet)
    vm = Vm.objects.get(pk=creation.target_id)
    if begun:
        cloud.world.fail("hypervisor.ensure_power", DriverError("lost", code="host.unreachable"))
        execute(creation.pk)
    dead = cut(cloud, home(vm))
    recover_vms(dead)
    creation.refresh_from_db()
    assert creation.status == OperationStatus.CANCELLED
    settled(recoveries()[0])
    vm.refresh_from_db()
    assert (vm.state, vm.power_seen, home(vm).pk != dead.pk) == (State.READY, Power.ON, True)
    assert is_on(home(vm), vm)
    assert vm.system_disk is not None and vm.system_disk.state == State.READY
    returned(cloud, dead)
    assert backends.hypervisor(dead, None).observe().vms == ()


def failed_creation(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    (creation,) = ask_for_vms(owner, cloud, subnet)
    cloud.world.fail("hypervisor.ensure_power", DriverError("no", code="tried.refused", permanent=True))
    execute(creation.pk)
    vm = Vm.objects.get(pk=creation.target_id)
    assert vm.state == State.ERROR
    return vm


def test_a_creation_that_had_failed_is_retried_on_another_host(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = failed_creation(cloud, subnet, owner)
    dead = cut(cloud, home(vm))
    recover_vms(dead)
    assert recoveries() == [], "nobody has asked for it"
    settled(power.retry_vm(owner, vm))
    assert home(vm).pk != dead.pk
    assert is_on(home(vm), vm)
    assert moved_from(dead, []) == {str(vm.pk)}, "an order for it may still be on its way there"
    assert backends.hypervisor(returned(cloud, dead), None).observe().vms == ()


def test_a_retry_is_refused_where_no_other_host_has_room(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = failed_creation(cloud, subnet, owner)
    dead = home(vm)
    Host.objects.filter(pk=other(cloud, dead).pk).update(accepts_vms=False)
    cut(cloud, dead)
    with pytest.raises(NoCapacity):
        power.retry_vm(owner, vm)
    assert home(vm).vcpu_reserved == vm.vcpu, "its promise was not given away"


@pytest.mark.parametrize(
    "make", [failed_creation, lambda cloud, subnet, owner: make_vm(owner, cloud, subnet)]
)
def test_a_vm_of_a_dead_host_can_be_deleted(
    make: Callable[[Cloud, Subnet, Actor], Vm], cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make(cloud, subnet, owner)
    dead = cut(cloud, home(vm))
    operation = delete_vm(owner, Vm.objects.get(pk=vm.pk))
    recover_vms(dead)
    assert recoveries() == [], "it is being deleted"
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, operation.error
    assert not Vm.objects.filter(pk=vm.pk).exists()
    assert Host.objects.get(pk=dead.pk).vcpu_reserved == 0
