"""What follows from hosts' reports of their VMs."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.compute.models import Power, Vm
from apps.compute.observation import SETTLED, believe_guests
from apps.compute.services.power import shut_down_vm
from apps.drivers.memory import MemoryHypervisor
from apps.infrastructure.models import Host
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Event, Operation
from apps.lifecycle.state_labels import state_label
from apps.network.models import Subnet
from apps.network.services.nic import set_security_group
from tests.compute.factories import Cloud, make_vm

pytestmark = pytest.mark.django_db


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A running VM, seen some minutes ago, whose host has reported before."""
    vm = make_vm(owner, cloud, subnet)
    collect()
    make_old(vm)
    return vm


def make_old(vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=timezone.now() - timedelta(minutes=5))


def host_of(vm: Vm) -> Host:
    assert vm.host is not None
    return vm.host


def again(vm: Vm) -> Vm:
    return Vm.objects.get(pk=vm.pk)


@pytest.mark.requirement("VM-9")
def test_a_guest_that_powered_itself_off_is_shown_as_stopped_and_stays_so(cloud: Cloud, vm: Vm) -> None:
    MemoryHypervisor(cloud.world, host_of(vm).name).stop_guest(str(vm.pk))
    collect()
    assert state_label(again(vm)).word == "Stopped"
    assert again(vm).power == Power.ON, "a host on its way down stops its guests too"
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=timezone.now() - SETTLED - timedelta(seconds=1))
    believe_guests()
    assert again(vm).power == Power.OFF
    assert Event.objects.filter(resource=vm, code="vm.guest_off").exists()


@pytest.mark.requirement("OP-2")
def test_a_host_back_from_a_power_cut_gets_its_vms_started(cloud: Cloud, vm: Vm) -> None:
    name = host_of(vm).name
    cloud.world.power_cut(name)
    collect()
    cloud.world.boot(name)
    collect()
    starting = Operation.objects.open().get(resource=vm)
    assert (starting.verb, starting.actor) == ("vm.start", None)
    execute(starting.pk)
    assert again(vm).is_on
    assert MemoryHypervisor(cloud.world, name).status(str(vm.pk)).power == Power.ON
    collect()
    assert not Operation.objects.open().exists()


@pytest.mark.requirement("OP-2")
def test_a_vm_at_work_when_its_host_came_back_is_started_later(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    """What cannot be started at once is not taken for a guest that powered itself off."""
    name = host_of(vm).name
    binding = set_security_group(owner, vm, security_group=None)
    cloud.world.power_cut(name)
    cloud.world.boot(name)
    collect()
    execute(binding.pk)
    collect()
    make_old(vm)
    believe_guests()
    assert again(vm).power == Power.ON
    execute(Operation.objects.open().get(resource=vm, verb="vm.start").pk)
    assert MemoryHypervisor(cloud.world, name).status(str(vm.pk)).power == Power.ON

    MemoryHypervisor(cloud.world, name).stop_guest(str(vm.pk))
    make_old(vm)
    collect()
    make_old(vm)
    believe_guests()
    assert again(vm).power == Power.OFF, "from then on it is believed as always"


def test_a_vm_that_was_stopped_stays_stopped_after_a_power_cut(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    execute(shut_down_vm(owner, vm).pk)
    name = host_of(vm).name
    cloud.world.power_cut(name)
    cloud.world.boot(name)
    collect()
    assert not Operation.objects.open().exists()
    assert not again(vm).is_on


def test_a_report_says_nothing_of_a_vm_on_which_an_operation_works(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    shut_down_vm(owner, vm)
    MemoryHypervisor(cloud.world, host_of(vm).name).stop_guest(str(vm.pk))
    collect()
    assert again(vm).is_on


def test_a_report_from_about_the_time_of_the_last_operation_is_not_believed(cloud: Cloud, vm: Vm) -> None:
    Vm.objects.filter(pk=vm.pk).update(power_seen_at=timezone.now())
    MemoryHypervisor(cloud.world, host_of(vm).name).stop_guest(str(vm.pk))
    collect()
    assert again(vm).is_on


@pytest.mark.requirement("UX-2")
def test_a_vm_on_a_host_out_of_reach_says_as_of_when_its_state_is(cloud: Cloud, vm: Vm) -> None:
    Host.objects.filter(pk=vm.host_id).update(last_report_at=timezone.now() - timedelta(minutes=2))
    word = state_label(again(vm))
    assert (word.word, word.tone) == ("Running", "warn")
    assert "unreachable" in word.reason
