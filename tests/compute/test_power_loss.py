"""All hosts lose power at once and come back: what ran runs again by itself, the most important VMs first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.compute.models import Power, Vm
from apps.compute.services import power
from apps.compute.services.recovery import set_ha_priority
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure import backends
from apps.infrastructure.heartbeat_plans import give_heartbeat_plans
from apps.infrastructure.host_watch import BOOTING, watch_hosts
from apps.infrastructure.models import Host, HostController
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.clock import database_now
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Event, Operation
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm, settled

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-7")]


def is_on(vm: Vm) -> bool:
    host = Vm.objects.select_related("host").get(pk=vm.pk).host
    assert host is not None
    return backends.hypervisor(host, None).status(str(vm.pk)).power is DriverPower.ON


def lose_power(cloud: Cloud, *hosts: Host) -> None:
    collect()
    for host in hosts:
        cloud.world.power_cut(host.name)
    for _ in range(3):
        collect()
        watch_hosts()


def carry_out() -> list[str]:
    """Carry out what is open in the order of its requests, as workers do; return the names of what was started."""
    found = list(Operation.objects.open().order_by("sequence"))
    for operation in found:
        execute(operation.pk)
    return [operation.target_name for operation in found if operation.verb == "vm.start"]


def test_every_vm_that_ran_is_started_in_the_order_of_its_priority(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    vms = {
        name: make_vm(owner, cloud, subnet, name=name) for name in ("none", "low", "high", "also-high", "off")
    }
    assert len({vm.host_id for vm in vms.values()}) == 2, "they were to be on both hosts"
    for name, priority in (("none", "none"), ("low", "low"), ("high", "high"), ("also-high", "high")):
        set_ha_priority(owner, vms[name], priority=priority)
    settled(power.power_off_vm(owner, vms["off"]))
    give_heartbeat_plans()
    lose_power(cloud, *cloud.hosts)
    assert not Operation.objects.open().exists(), "nobody can do anything"
    for host in cloud.hosts:
        cloud.world.boot(host.name)
    collect()
    collect()
    assert carry_out() == ["high", "also-high", "low", "none"]
    assert {name for name, vm in vms.items() if is_on(vm)} == {"high", "also-high", "low", "none"}
    assert Vm.objects.get(pk=vms["off"].pk).power == Power.OFF


def test_a_vm_that_was_being_restarted_runs_again(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    restart = power.restart_vm(owner, vm)
    lose_power(cloud, *cloud.hosts)
    for host in cloud.hosts:
        cloud.world.boot(host.name)
    collect()
    settled(restart)
    carry_out()
    assert is_on(vm)
    assert Vm.objects.get(pk=vm.pk).power == Power.ON


def give_controllers() -> None:
    for host in Host.objects.all():
        HostController.objects.create(host=host, url="https://192.0.2.1", user="it", sealed_password="")


def fenced() -> list[str]:
    return list(Operation.objects.filter(verb="host.fence").values_list("target_name", flat=True))


def test_a_host_that_boots_later_than_the_others_is_not_powered_off_meanwhile(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    cloud.hosts.append(factories.make_host(cloud.cluster))
    give_controllers()
    give_heartbeat_plans()
    lose_power(cloud, *cloud.hosts)
    slow, *others = cloud.hosts
    for host in others:
        cloud.world.boot(host.name)
    for _ in range(4):
        collect()
        watch_hosts()
    assert fenced() == []
    Event.objects.filter(code="host.rebooted").update(at=database_now() - BOOTING - timedelta(seconds=1))
    watch_hosts()
    watch_hosts()
    assert fenced() == [slow.name], "it has had its time"


def test_a_host_that_dies_after_another_booted_is_fenced_at_once(cloud: Cloud) -> None:
    cloud.hosts.append(factories.make_host(cloud.cluster))
    give_controllers()
    give_heartbeat_plans()
    doomed, booted, _other = cloud.hosts
    lose_power(cloud, booted)
    cloud.world.boot(booted.name)
    Operation.objects.filter(verb="host.fence").delete()
    collect()
    collect()
    assert Event.objects.filter(code="host.rebooted").exists()
    cloud.world.power_cut(doomed.name)
    watch_hosts()
    watch_hosts()
    assert doomed.name in fenced()
