"""Changes of addresses that failed, or were pushed aside, half-way: nothing of them waits for a person."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import Project, Tenant
from apps.compute.models import Vm
from apps.compute.models.vm import HOST_SILENT
from apps.compute.selectors import visible_vms
from apps.compute.services.delete import delete_vm
from apps.compute.services.eni_binding import bind_eni, unbind_eni
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.compute.services.repair import force_clean_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric, World
from apps.drivers.specs import ExternalPortSpec
from apps.infrastructure.models import SILENCE, Host
from apps.infrastructure.reports import collect
from apps.lifecycle import engine
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Eip, ExternalSegment, Subnet
from apps.network.operations import segment_routes
from apps.network.services import unfinished
from apps.network.services.eip import release_eip, set_bandwidth
from apps.network.services.eip_binding import bind_eip, unbind_eip
from apps.network.services.external_segment import change_segment
from apps.network.services.unfinished import finish_changes
from apps.network.tasks import finish_external_changes
from apps.reconciliation.rules import MOST_TRIES
from tests import factories
from tests.compute.eips import addresses, external_port, guest_addresses, nic_of, translated
from tests.compute.elastic import has, make_bound, make_eni, port_of
from tests.compute.factories import Cloud, make_vm
from tests.network.external import make_eip, make_segment
from tests.reconciliation.drift import later, look_twice, work
from tests.storage.factories import done, failed, run

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EI-2", "OP-2")]
REFUSED = DriverError("No.", code="tried.refused", permanent=True)
DELIVERIES = pytest.mark.parametrize("delivery", list(Eip.Delivery))


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def other(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="other")


@pytest.fixture
def project(tenant_a: Tenant) -> Project:
    return factories.default_project(tenant_a)


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region)


@pytest.fixture
def eip(segment: ExternalSegment, project: Project) -> Eip:
    return make_eip(segment, project)


def fresh(eip: Eip) -> Eip:
    return Eip.objects.select_related("segment_address", "segment").get(pk=eip.pk)


def bind(owner: Actor, eip: Eip, vm: Vm, delivery: str = Eip.Delivery.GUEST) -> Operation:
    return bind_eip(owner, fresh(eip), carrier=vm.pk, delivery=delivery)


def places(cloud: Cloud, eip: Eip, *vms: Vm) -> list[str]:
    """Return who has the address in the network: VMs by name, "NAT"."""
    held = [vm.name for vm in vms if eip.address in addresses(cloud, vm)]
    return held + (["NAT"] if translated(cloud, eip.pk) else [])


def refuse(world: World, call: str) -> None:
    world.fail(call, REFUSED)


@DELIVERIES
def test_an_unbind_that_failed_is_finished_without_anybody_asking(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, eip: Eip, delivery: str
) -> None:
    done(bind(owner, eip, vm, delivery))
    refuse(world, "fabric.ensure_port")
    failed(unbind_eip(owner, fresh(eip)))
    assert fresh(eip).leaving == [vm.pk]
    assert places(cloud, fresh(eip), vm)
    assert finish_changes() == 0, "it has failed just now"
    later()
    finish_external_changes()
    assert work() == ["eip.resync"]
    assert (fresh(eip).leaving, fresh(eip).error) == ([], {})
    assert places(cloud, fresh(eip), vm) == []
    later()
    assert finish_changes() == 0


def test_a_move_that_failed_is_finished_without_anybody_asking(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, other: Vm, eip: Eip
) -> None:
    done(bind(owner, eip, vm))
    refuse(world, "fabric.ensure_port")
    failed(bind(owner, eip, other))
    later()
    assert finish_changes() == 1
    work()
    assert (fresh(eip).carrier_id, fresh(eip).leaving) == (other.pk, [])
    assert places(cloud, fresh(eip), vm, other) == ["other"]


def test_a_bandwidth_that_was_not_set_is_set_later(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, eip: Eip
) -> None:
    done(bind(owner, eip, vm))
    refuse(world, "fabric.ensure_external_port")
    failed(set_bandwidth(owner, fresh(eip), mbit=7))
    later()
    assert finish_changes() == 1
    work()
    port = external_port(cloud, vm)
    assert port is not None and port.addresses[0].mbit_in == 7


def test_what_fails_again_and_again_is_tried_a_few_times_an_hour(
    world: World, owner: Actor, vm: Vm, eip: Eip
) -> None:
    done(bind(owner, eip, vm))
    refuse(world, "fabric.ensure_port")
    failed(unbind_eip(owner, fresh(eip)))
    tried = 0
    for _ in range(MOST_TRIES + 2):
        later()
        tried += finish_changes()
        for operation in Operation.objects.open():
            refuse(world, "fabric.ensure_port")
            failed(operation)
    assert tried == MOST_TRIES


def test_addresses_of_a_busy_vm_keep_nobody_elses_waiting(
    world: World,
    owner: Actor,
    vm: Vm,
    other: Vm,
    segment: ExternalSegment,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unfinished, "AT_ONCE", 1)
    first, second, third = [make_eip(segment, project) for _ in range(3)]
    done(bind(owner, third, vm))
    for eip in (first, second):
        bind(owner, eip, other)
    power_off_vm(owner, other)  # pushes both aside, and keeps the VM busy
    refuse(world, "fabric.ensure_external_port")
    failed(set_bandwidth(owner, fresh(third), mbit=7))
    later()
    assert [eip.pk for eip in unfinished.unfinished_eips()][-1] == third.pk
    assert finish_changes() == 1
    assert Operation.objects.open().get(verb="eip.resync").target_id == third.pk


def test_a_move_that_a_power_off_pushed_aside_is_finished_at_once(
    cloud: Cloud, owner: Actor, vm: Vm, other: Vm, eip: Eip
) -> None:
    done(bind(owner, eip, vm))
    moving = bind(owner, eip, other)
    power_off_vm(owner, other)
    assert finish_changes() == 0, "the VM is busy"
    work()
    moving.refresh_from_db()
    assert moving.status == OperationStatus.CANCELLED
    assert finish_changes() == 1
    assert work() == ["eip.resync"]
    assert places(cloud, fresh(eip), vm, other) == ["other"]


def test_a_vm_starts_without_an_address_that_its_former_vm_still_has(
    cloud: Cloud, owner: Actor, vm: Vm, other: Vm, eip: Eip, segment: ExternalSegment, project: Project
) -> None:
    """The address comes later; a start does not fail for it."""
    own = make_eip(segment, project)
    done(bind(owner, own, other))
    done(bind(owner, eip, vm))
    bind(owner, eip, other)
    done(power_off_vm(owner, other))
    done(start_vm(owner, Vm.objects.get(pk=other.pk)))
    assert addresses(cloud, other) == [own.address]
    third = make_eip(segment, project)
    done(bind(owner, third, other))
    assert addresses(cloud, other) == [own.address, third.address]
    finish_changes()
    work()
    assert addresses(cloud, other) == [own.address, eip.address, third.address]
    assert addresses(cloud, vm) == []


@DELIVERIES
@pytest.mark.parametrize("fails", [True, False], ids=["failed", "pushed aside"])
@pytest.mark.parametrize("cleans", [True, False], ids=["force clean", "delete"])
def test_a_deleted_vm_takes_along_what_an_unbind_has_left_there(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, eip: Eip, delivery: str, fails: bool, cleans: bool
) -> None:
    done(bind(owner, eip, vm, delivery))
    nic = nic_of(vm)
    unbinding = unbind_eip(owner, fresh(eip))
    if fails:
        refuse(world, "fabric.ensure_port")
        failed(unbinding)
    done(force_clean_vm(SYSTEM, vm) if cleans else delete_vm(owner, vm))
    assert fresh(eip).leaving == []
    assert translated(cloud, eip.pk) is None
    assert str(nic.pk) not in MemoryFabric(cloud.world).inventory().of(ExternalPortSpec)
    later()
    finish_changes()
    work()
    assert fresh(eip).error == {}
    done(release_eip(owner, fresh(eip)))


@DELIVERIES
def test_an_address_on_its_way_arrives_though_its_former_vm_is_deleted_meanwhile(
    cloud: Cloud, owner: Actor, vm: Vm, other: Vm, eip: Eip, delivery: str
) -> None:
    done(bind(owner, eip, vm, delivery))
    bind(owner, eip, other, delivery)
    done(delete_vm(owner, vm))
    assert finish_changes() == 1
    work()
    expected = ["other"] if delivery == Eip.Delivery.GUEST else ["NAT"]
    assert places(cloud, fresh(eip), other) == expected
    if delivery == Eip.Delivery.TRANSLATED:
        found = translated(cloud, eip.pk)
        assert found is not None and found.inside_ip == str(nic_of(other, "internal").ip)


@pytest.mark.requirement("EI-3")
def test_a_guest_whose_host_was_silent_is_told_of_its_addresses_when_the_host_answers(
    cloud: Cloud, owner: Actor, vm: Vm, other: Vm, eip: Eip
) -> None:
    done(bind(owner, eip, vm))
    later()
    Host.objects.update(last_report_at=timezone.now() - 2 * SILENCE)
    done(bind(owner, eip, other))
    assert places(cloud, fresh(eip), vm, other) == ["other"], "the network does not wait for hosts"
    assert guest_addresses(cloud, vm) == [eip.address] and guest_addresses(cloud, other) == []
    shown = visible_vms(owner).get(pk=other.pk)
    assert shown.why_not_configured == HOST_SILENT
    collect()
    assert work() == ["vm.resync", "vm.resync"]
    assert guest_addresses(cloud, vm) == [] and guest_addresses(cloud, other) == [eip.address]
    assert not Vm.objects.filter(guest_behind=True).exists()
    later()
    collect()
    assert work() == []


@pytest.mark.requirement("EN-2")
def test_a_bind_of_an_elastic_nic_that_failed_is_finished_without_anybody_asking(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, tenant_a: Tenant
) -> None:
    eni = make_eni(owner, cloud.network(tenant_a, "10.9.0.0/24"))
    refuse(world, "hypervisor.ensure_nics")
    failed(bind_eni(owner, eni, vm=vm.pk))
    assert not has(vm, eni)
    later()
    assert finish_changes() == 1
    assert work() == ["eni.resync"]
    assert has(vm, eni)


@pytest.mark.requirement("EN-2")
def test_an_elastic_nic_whose_unbind_failed_half_way_is_plugged_in_again(
    cloud: Cloud, world: World, owner: Actor, vm: Vm, tenant_a: Tenant
) -> None:
    """Its row says that it is bound, until the guest has released it and the operation is done."""
    eni = make_bound(owner, cloud.network(tenant_a, "10.9.0.0/24"), vm)

    def refuse_after(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_nics", "after"):
            world.on_call = None
            raise REFUSED

    world.on_call = refuse_after
    failed(unbind_eni(owner, eni))
    assert not has(vm, eni)
    look_twice()
    assert work() == ["vm.resync"]
    assert has(vm, eni)


@pytest.mark.requirement("EI-1")
def test_changed_routes_reach_all_addresses_also_those_that_were_busy(
    cloud: Cloud,
    owner: Actor,
    vm: Vm,
    eip: Eip,
    segment: ExternalSegment,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    second = make_eip(segment, project)
    for each in (eip, second):
        done(bind(owner, each, vm))
    eni = make_bound(owner, segment, vm)
    monkeypatch.setattr(segment_routes, "ROUTES_PATIENCE", timedelta())
    restarting = restart_vm(owner, vm)
    change = change_segment(SYSTEM, segment, routes=["198.51.100.0/24"])
    monkeypatch.setattr(engine, "MAX_ATTEMPTS", 1)
    assert run(change).status == OperationStatus.FAILED
    done(restarting)
    later()
    assert finish_changes() == 1
    assert work() == ["external_segment.change"]
    assert sorted(work()) == ["eip.resync", "eip.resync", "eni.resync"]
    port, nic = external_port(cloud, vm), port_of(eni)
    assert port is not None
    assert [each.routes for each in port.addresses] == [("198.51.100.0/24",)] * 2
    assert nic is not None and nic.addresses[0].routes == ("198.51.100.0/24",)  # type: ignore[union-attr]
    ExternalSegment.objects.get(pk=segment.pk, error={})
