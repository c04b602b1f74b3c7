"""VMs of a host that is certainly off: started elsewhere, once, in order; and the host's return."""

from __future__ import annotations

import pytest

from apps.compute.models import HaPriority, Power, Vm
from apps.compute.recovery import recover_vms
from apps.compute.services import power
from apps.compute.services.recovery import recover_vm, set_ha_priority
from apps.drivers.errors import DriverError
from apps.drivers.orders import Fence
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.models import Certainty, Failure, Host
from apps.infrastructure.reports import collect
from apps.infrastructure.services.failure import confirm_off, mark_off, readmit_host
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Event, Operation, OperationStatus
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm, settled

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


def cut(cloud: Cloud, host: Host) -> Host:
    """Take a host's power and let everybody be certain of it."""
    cloud.world.power_cut(host.name)
    mark_off(host, Certainty.ADMIN)
    return Host.objects.get(pk=host.pk)


def home(vm: Vm) -> Host:
    found = Vm.objects.select_related("host").get(pk=vm.pk).host
    assert found is not None
    return found


def other(cloud: Cloud, host: Host) -> Host:
    return next(each for each in cloud.hosts if each.pk != host.pk)


def recoveries() -> list[Operation]:
    return list(Operation.objects.filter(verb="vm.recover").order_by("sequence"))


def is_on(host: Host, vm: Vm) -> bool:
    return backends.hypervisor(host, None).status(str(vm.pk)).power is DriverPower.ON


def test_a_vm_of_a_dead_host_runs_elsewhere(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    dead = home(vm)
    free = Host.objects.get(pk=other(cloud, dead).pk)
    recover_vms(cut(cloud, dead))
    (operation,) = recoveries()
    settled(operation)
    assert home(vm).pk == free.pk
    assert is_on(free, vm)
    vm.refresh_from_db()
    assert (vm.power, vm.power_seen) == (Power.ON, Power.ON)
    free.refresh_from_db()
    dead.refresh_from_db()
    assert (free.vcpu_reserved, free.memory_reserved_mib) == (vm.vcpu, vm.memory_mib)
    assert (dead.vcpu_reserved, dead.memory_reserved_mib) == (0, 0)


def test_a_vm_is_recovered_once_however_often_its_host_is_looked_at(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    dead = cut(cloud, home(vm))
    for _ in range(3):
        recover_vms(dead)
    assert len(recoveries()) == 1


def test_a_vm_of_a_host_that_is_only_silent_is_not_recovered(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    cloud.world.power_cut(home(vm).name)
    with pytest.raises(NotNow, match="not known to be off"):
        recover_vm(SYSTEM, vm)


def test_important_vms_come_first_and_those_without_priority_stay(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    Host.objects.filter(pk=cloud.hosts[1].pk).update(accepts_vms=False)
    low, none, high, stopped = (make_vm(owner, cloud, subnet, name=name) for name in "abcd")
    Host.objects.update(accepts_vms=True)
    for vm, priority in ((low, "low"), (none, "none"), (high, "high"), (stopped, "high")):
        set_ha_priority(owner, vm, priority=priority)
    settled(power.power_off_vm(owner, Vm.objects.get(pk=stopped.pk)))
    recover_vms(cut(cloud, cloud.hosts[0]))
    assert [operation.target_id for operation in recoveries()] == [high.pk, low.pk, stopped.pk]
    assert home(none).pk == cloud.hosts[0].pk


def test_a_stopped_vm_moves_and_stays_off(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    settled(power.power_off_vm(owner, vm))
    dead = home(vm)
    recover_vms(cut(cloud, dead))
    settled(recoveries()[0])
    assert home(vm).pk != dead.pk
    assert not is_on(home(vm), vm)
    settled(power.start_vm(owner, Vm.objects.get(pk=vm.pk)))
    assert is_on(home(vm), vm)


def test_what_was_under_way_on_the_dead_host_is_pushed_aside(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    restart = power.restart_vm(owner, vm)
    recover_vms(cut(cloud, home(vm)))
    restart.refresh_from_db()
    assert restart.status == OperationStatus.CANCELLED
    settled(recoveries()[0])


def test_without_room_elsewhere_it_is_said_and_tried_again(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    dead = home(vm)
    Host.objects.filter(pk=other(cloud, dead).pk).update(accepts_vms=False)
    dead = cut(cloud, dead)
    recover_vms(dead)
    recover_vms(dead)
    assert recoveries() == []
    assert Event.objects.filter(resource=vm, code="vm.no_room").count() == 1
    assert home(vm).vcpu_reserved == vm.vcpu, "its promise was not given away"
    Host.objects.update(accepts_vms=True)
    recover_vms(dead)
    settled(recoveries()[0])


def test_the_death_of_the_second_host_moves_the_vm_on(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    third = factories.make_host(cloud.cluster)
    Host.objects.filter(pk=third.pk).update(accepts_vms=False)
    vm = make_vm(owner, cloud, subnet)
    recover_vms(cut(cloud, home(vm)))
    Host.objects.filter(pk=third.pk).update(accepts_vms=True)
    recover_vms(cut(cloud, home(vm)))
    first, second = recoveries()
    assert first.status == OperationStatus.CANCELLED
    settled(second)
    assert home(vm).pk == third.pk
    assert is_on(third, vm)


def returned(cloud: Cloud, host: Host) -> Host:
    cloud.world.boot(host.name)
    operation = readmit_host(SYSTEM, host)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE, operation.error
    return Host.objects.get(pk=host.pk)


def test_a_returning_host_loses_what_was_moved_and_keeps_what_was_not(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    Host.objects.filter(pk=cloud.hosts[1].pk).update(accepts_vms=False)
    moved, kept = (make_vm(owner, cloud, subnet, name=name) for name in "ab")
    Host.objects.update(accepts_vms=True)
    set_ha_priority(owner, kept, priority="none")
    dead = cut(cloud, home(moved))
    recover_vms(dead)
    settled(recoveries()[0])
    back = returned(cloud, dead)
    assert (back.failure, back.failed_at) == ("", None)
    there = {vm.id for vm in backends.hypervisor(back, None).observe().vms}
    assert there == {str(kept.pk)}
    assert is_on(home(moved), moved)


def test_a_returning_host_refuses_orders_from_before_it_died(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    late = power.restart_vm(owner, vm)
    recover_vms(dead := cut(cloud, home(vm)))
    settled(recoveries()[0])
    back = returned(cloud, dead)
    stale = backends.HOST_DRIVERS[back.driver].hypervisor(back, Fence(late.sequence, 1))
    with pytest.raises(DriverError) as refusal:
        stale.ensure_power(str(vm.pk), DriverPower.ON, boot=2)
    assert refusal.value.code == "agent.stale_order"


def test_no_further_vm_leaves_a_host_that_returns(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    dead = cut(cloud, home(vm))
    Host.objects.filter(pk=dead.pk).update(failure=Failure.RETURNING)
    recover_vms(dead)
    assert recoveries() == []
    assert home(vm).pk == dead.pk


def test_a_host_that_is_off_or_returns_gets_no_new_vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    for failure in (Failure.OFF, Failure.RETURNING):
        Host.objects.filter(pk=cloud.hosts[0].pk).update(failure=failure)
        (operation,) = ask_for_vms(owner, cloud, subnet)
        assert Vm.objects.get(pk=operation.target_id).host_id == cloud.hosts[1].pk


def test_an_administrator_cannot_say_that_a_running_host_is_off(cloud: Cloud) -> None:
    host, admin = cloud.hosts[0], factories.actor_for_user(factories.make_admin("ada"))
    with pytest.raises(NotNow, match="is reporting"):
        confirm_off(admin, host)
    Host.objects.filter(pk=host.pk).update(liveness="network_fault")
    with pytest.raises(NotNow, match="storage heartbeat"):
        confirm_off(admin, Host.objects.get(pk=host.pk))
    Host.objects.filter(pk=host.pk).update(liveness="unknown")
    assert confirm_off(admin, Host.objects.get(pk=host.pk)).failure == Failure.OFF


def test_a_failed_recovery_does_not_make_off_what_is_wanted(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vm = make_vm(owner, cloud, subnet)
    recover_vms(cut(cloud, home(vm)))
    (operation,) = recoveries()
    cloud.world.fail("hypervisor.ensure_power", DriverError("no", code="tried.refused", permanent=True))
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED
    Vm.objects.update(power_seen_at="2026-01-01T00:00:00Z")
    collect()
    assert Operation.objects.filter(verb="vm.start", target_id=vm.pk).count() == 1
    assert Vm.objects.get(pk=vm.pk).power == Power.ON


def test_the_priority_is_normal_unless_it_is_set(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    assert make_vm(owner, cloud, subnet).ha_priority == HaPriority.NORMAL
