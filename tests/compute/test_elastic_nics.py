"""Elastic NICs at VMs: bound, moved and unbound; rows, fabric, definition and running guest agree."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.compute.operations import eni as operations
from apps.compute.services.delete import delete_vm
from apps.compute.services.eni_binding import bind_eni, force_clean_eni, resync_eni, unbind_eni
from apps.compute.services.power import power_off_vm, restart_vm, start_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.drivers.specs import ExternalPortSpec, GuestAddress, PortSpec
from apps.infrastructure import backends
from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Busy, Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, OperationLock, OperationStatus
from apps.network.models import Eni, ExternalSegment, Nic, NicRole, Subnet
from apps.network.services.eni import delete_eni, set_bandwidth, set_security_group
from tests import factories
from tests.compute.elastic import defined, has, in_guest, make_bound, make_eni, plugged, port_of
from tests.compute.factories import Cloud, make_cloud, make_group, make_vm
from tests.network.external import make_segment
from tests.reconciliation.drift import look_twice, work
from tests.storage.factories import done, failed, run, set_guest

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("EN-2")]
REFUSED = DriverError("No.", code="tried.refused", permanent=True)


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.fixture
def other(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="other")


@pytest.fixture
def far(cloud: Cloud, tenant_a: Tenant) -> Subnet:
    """A subnet of another VPC than the VMs are in."""
    return cloud.network(tenant_a, "10.9.0.0/24")


@pytest.fixture
def segment(cloud: Cloud) -> ExternalSegment:
    return make_segment(cloud.region)


@pytest.fixture
def eni(owner: Actor, far: Subnet) -> Eni:
    return make_eni(owner, far)


def fresh(eni: Eni) -> Eni:
    return Eni.objects.get(pk=eni.pk)


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
def test_a_nic_of_another_vpc_is_bound_and_unbound(owner: Actor, vm: Vm, eni: Eni, is_running: bool) -> None:
    if not is_running:
        done(power_off_vm(owner, vm))
    port = str(eni.nic.pk)
    done(bind_eni(owner, eni, vm=vm.pk))
    assert (fresh(eni).vm_id, fresh(eni).slot, fresh(eni).next_vm_id) == (vm.pk, 2, None)
    assert defined(vm)[port] == 2
    assert (port in plugged(vm)) is is_running
    done(unbind_eni(owner, eni))
    assert (fresh(eni).vm_id, fresh(eni).slot) == (None, None)
    assert port not in {**defined(vm), **plugged(vm)}
    assert port_of(eni) is not None, "it keeps its address"


@pytest.mark.requirement("EN-3")
def test_the_guest_is_told_its_address_and_vpc_and_no_default_route(owner: Actor, vm: Vm, eni: Eni) -> None:
    done(bind_eni(owner, eni, vm=vm.pk))
    port = port_of(eni)
    assert isinstance(port, PortSpec) and not port.default_route
    told = in_guest(vm, eni)
    assert told is not None
    assert told.addresses == (GuestAddress(f"{eni.nic.ip}/24", "10.9.0.1", ("10.9.0.0/24",)),)
    assert Nic.objects.get(owner=vm, role=NicRole.INTERNAL).pk  # its port keeps the default route
    done(unbind_eni(owner, eni))
    assert in_guest(vm, eni) is None


@pytest.mark.requirement("EN-3")
def test_of_a_nic_in_the_vms_own_vpc_only_its_replies_leave_by_it(
    owner: Actor, vm: Vm, subnet: Subnet
) -> None:
    told = in_guest(vm, eni := make_bound(owner, subnet, vm))
    assert told is not None and [each.routes for each in told.addresses] == [()]
    assert told.addresses[0].address == f"{eni.nic.ip}/20"


@pytest.mark.requirement("EN-1", "EN-3")
def test_an_external_nic_has_its_one_address_and_bandwidth_and_no_default_route(
    owner: Actor, vm: Vm, segment: ExternalSegment
) -> None:
    eni = make_bound(owner, segment, vm, mbit_in=20, mbit_out=30)
    port = port_of(eni)
    assert isinstance(port, ExternalPortSpec) and not port.default_route
    (address,) = port.addresses
    assert (address.ip, address.mbit_in, address.mbit_out) == (eni.address, 20, 30)
    told = in_guest(vm, eni)
    assert told is not None
    assert told.addresses == (GuestAddress(f"{eni.address}/32", "169.254.77.1"),)
    done(set_bandwidth(owner, eni, mbit_in=5, mbit_out=6))
    port = port_of(eni)
    assert isinstance(port, ExternalPortSpec)
    assert (port.addresses[0].mbit_in, port.addresses[0].mbit_out) == (5, 6)


@pytest.mark.requirement("EN-3")
def test_its_group_is_changed_and_emptied_at_any_time(
    owner: Actor, cloud: Cloud, vm: Vm, far: Subnet
) -> None:
    eni, group = make_bound(owner, far, vm), make_group(cloud.region, vm.project)  # type: ignore[arg-type]
    restart_vm(owner, vm)  # the VM is busy
    for chosen, groups in ((group.pk, (str(group.pk),)), (None, ())):
        done(set_security_group(owner, eni, security_group=chosen))
        port = port_of(eni)
        assert port is not None and port.security_group_ids == groups


def test_binding_while_bound_moves_it_in_one_operation(owner: Actor, vm: Vm, other: Vm, far: Subnet) -> None:
    eni = make_bound(owner, far, vm)
    operation = done(bind_eni(owner, eni, vm=other.pk))
    assert operation.verb == "eni.bind"
    assert (fresh(eni).vm_id, fresh(eni).slot, fresh(eni).next_vm_id) == (other.pk, 2, None)
    assert (has(vm, eni), has(other, eni)) == (False, True)
    assert in_guest(vm, eni) is None and in_guest(other, eni) is not None
    with pytest.raises(NotNow, match="already bound to other"):
        bind_eni(owner, fresh(eni), vm=other.pk)


def test_nics_keep_their_place_and_the_lowest_free_one_is_taken(owner: Actor, vm: Vm, far: Subnet) -> None:
    first, second = make_bound(owner, far, vm), make_bound(owner, far, vm)
    done(unbind_eni(owner, first))
    done(power_off_vm(owner, vm))
    done(start_vm(owner, vm))
    assert plugged(vm)[str(second.nic.pk)] == 3
    assert make_bound(owner, far, vm).slot == 2


@pytest.mark.parametrize(("architecture", "most"), [("x86_64", 6), ("aarch64", 3)])
def test_a_vm_has_no_more_elastic_nics_than_its_architecture_takes(
    owner: Actor, vm: Vm, far: Subnet, architecture: str, most: int
) -> None:
    ComputeCluster.objects.update(architecture=architecture)
    enis = [make_eni(owner, far) for _ in range(most + 1)]
    # Those on their way there count.
    for eni in enis[:-1]:
        bind_eni(owner, eni, vm=vm.pk)
    with pytest.raises(Refused) as refused:
        bind_eni(owner, enis[-1], vm=vm.pk)
    assert (refused.value.code, refused.value.field) == ("vm.too_many_elastic_nics", "vm")
    assert f"VM web already has {most} elastic NICs" in refused.value.message


@pytest.mark.requirement("RG-2")
def test_a_vm_of_another_region_is_refused_naming_both(
    owner: Actor, cloud: Cloud, world: World, eni: Eni, tenant_a: Tenant
) -> None:
    elsewhere = make_cloud(world)
    there = make_vm(owner, elsewhere, elsewhere.network(tenant_a))
    with pytest.raises(Refused) as refused:
        bind_eni(owner, eni, vm=there.pk)
    assert (refused.value.code, refused.value.field) == ("region.mismatch", "vm")
    assert cloud.region.label in refused.value.message and elsewhere.region.label in refused.value.message


def test_a_vm_of_another_tenant_does_not_exist(
    owner: Actor, cloud: Cloud, eni: Eni, tenant_b: Tenant
) -> None:
    stranger = factories.actor_for_user(factories.make_owner(tenant_b, "stranger"))
    theirs = make_vm(stranger, cloud, cloud.network(tenant_b))
    with pytest.raises(Invalid) as refused:
        bind_eni(owner, eni, vm=theirs.pk)
    assert refused.value.field == "vm"


def test_a_bound_one_is_not_deleted(owner: Actor, vm: Vm, far: Subnet, eni: Eni) -> None:
    with pytest.raises(NotNow, match="Unbind the elastic NIC first"):
        delete_eni(owner, make_bound(owner, far, vm))
    bind_eni(owner, eni, vm=vm.pk)
    with pytest.raises((NotNow, Busy)):
        delete_eni(owner, eni)


# -- what users of other platforms met (complaints, area 2) ----------------------------------------------------------


def test_a_late_unbind_ends_as_done_and_touches_nothing(owner: Actor, vm: Vm, other: Vm, far: Subnet) -> None:
    eni = make_bound(owner, far, vm)
    late = unbind_eni(owner, eni)
    done(late)
    done(bind_eni(owner, fresh(eni), vm=other.pk))
    # As a worker would that wakes up long after another has done its work.
    Operation.objects.filter(pk=late.pk).update(status=OperationStatus.QUEUED, finished_at=None)
    ended = done(late)
    assert "not bound to this VM any more" in ended.steps[-1]["text"]
    assert fresh(eni).vm_id == other.pk and has(other, eni)


def test_an_unbind_that_names_a_vm_that_has_it_no_more_counts_as_done(
    owner: Actor, vm: Vm, other: Vm, far: Subnet
) -> None:
    eni = make_bound(owner, far, vm)
    done(bind_eni(owner, eni, vm=other.pk))
    done(unbind_eni(owner, fresh(eni), vm=vm.pk))
    assert fresh(eni).vm_id == other.pk and has(other, eni)
    done(unbind_eni(owner, fresh(eni), vm=other.pk))
    done(unbind_eni(owner, fresh(eni), vm=other.pk))
    assert fresh(eni).vm_id is None
    with pytest.raises(NotNow, match="not bound"):
        unbind_eni(owner, fresh(eni))


@pytest.mark.parametrize("moves", [True, False], ids=["move", "unbind"])
def test_it_leaves_only_when_the_guest_has_released_it(
    owner: Actor, vm: Vm, other: Vm, far: Subnet, moves: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "RELEASE_PATIENCE", timedelta(milliseconds=1))
    eni = make_bound(owner, far, vm)
    set_guest(vm, releases=False)
    error = failed(bind_eni(owner, eni, vm=other.pk) if moves else unbind_eni(owner, eni))
    assert error["code"] == "eni.not_released"
    assert "still bound" in error["message"]
    assert (fresh(eni).vm_id, fresh(eni).slot, fresh(eni).next_vm_id) == (vm.pk, 2, None)
    assert has(vm, eni) and not has(other, eni)
    assert in_guest(vm, eni) is not None
    set_guest(vm, releases=True)
    done(bind_eni(owner, fresh(eni), vm=other.pk))
    assert has(other, eni) and not has(vm, eni)


def test_a_bind_that_failed_is_finished_by_the_same_request_or_taken_back(
    owner: Actor, vm: Vm, eni: Eni, world: World
) -> None:
    call = "hypervisor.ensure_nics"
    world.fail(call, REFUSED)
    failed(bind_eni(owner, eni, vm=vm.pk))
    assert (fresh(eni).vm_id, fresh(eni).error["code"]) == (vm.pk, "tried.refused")
    done(bind_eni(owner, fresh(eni), vm=vm.pk))
    assert has(vm, eni)
    world.fail(call, REFUSED)
    failed(unbind_eni(owner, fresh(eni)))
    done(unbind_eni(owner, fresh(eni)))
    assert fresh(eni).vm_id is None and not has(vm, eni)


def test_a_move_that_fails_at_the_new_vm_is_finished_there_or_unbound(
    owner: Actor, vm: Vm, other: Vm, far: Subnet, world: World
) -> None:
    eni = make_bound(owner, far, vm)
    calls = 0

    def refuse_second(verb: str, moment: str) -> None:
        nonlocal calls
        if (verb, moment) == ("hypervisor.ensure_nics", "before"):
            calls += 1
            if calls == 2:
                raise REFUSED

    world.on_call = refuse_second
    failed(bind_eni(owner, eni, vm=other.pk))
    assert fresh(eni).vm_id == other.pk, "the other guest has released it"
    assert not has(vm, eni)
    done(bind_eni(owner, fresh(eni), vm=other.pk))
    assert has(other, eni)


def test_a_lost_answer_changes_nothing(owner: Actor, vm: Vm, other: Vm, far: Subnet, world: World) -> None:
    eni = make_bound(owner, far, vm)

    def lose(verb: str, moment: str) -> None:
        if (verb, moment) == ("hypervisor.ensure_nics", "after"):
            world.on_call = None
            raise DriverError("Lost.", code="host.unreachable")

    world.on_call = lose
    operation = bind_eni(owner, eni, vm=other.pk)
    assert run(operation).status == OperationStatus.QUEUED
    Operation.objects.update(not_before=operation.created_at)
    done(operation)
    assert (has(vm, eni), has(other, eni)) == (False, True)


def test_unbinding_from_a_vm_that_its_host_has_lost_succeeds(owner: Actor, vm: Vm, far: Subnet) -> None:
    eni = make_bound(owner, far, vm)
    assert vm.host is not None
    backends.hypervisor(vm.host, None).ensure_vm_absent(str(vm.pk))
    done(unbind_eni(owner, eni))
    assert fresh(eni).vm_id is None


def test_binds_to_one_vm_are_carried_out_one_after_the_other(owner: Actor, vm: Vm, far: Subnet) -> None:
    enis = [make_eni(owner, far) for _ in range(3)]
    asked = [bind_eni(owner, eni, vm=vm.pk) for eni in enis]
    assert [fresh(eni).next_slot for eni in enis] == [2, 3, 4]
    for operation in asked:
        done(operation)
    assert all(has(vm, eni) for eni in enis)
    assert not OperationLock.objects.exists()


@pytest.mark.requirement("VM-10")
def test_deleting_the_vm_unbinds_its_nics_in_the_same_operation(
    owner: Actor, vm: Vm, other: Vm, far: Subnet, eni: Eni
) -> None:
    bound = make_bound(owner, far, vm)
    on_its_way = bind_eni(owner, eni, vm=vm.pk)
    done(delete_vm(owner, vm))
    on_its_way.refresh_from_db()
    assert on_its_way.status == OperationStatus.CANCELLED
    for each in (bound, eni):
        assert (fresh(each).vm_id, fresh(each).slot, fresh(each).next_vm_id) == (None, None, None)
        assert port_of(each) is not None
    done(bind_eni(owner, fresh(bound), vm=other.pk))
    assert has(other, bound)


def test_powering_off_pushes_a_move_aside_and_leaves_it_where_it_was(
    owner: Actor, vm: Vm, other: Vm, far: Subnet
) -> None:
    eni = make_bound(owner, far, vm)
    moving = bind_eni(owner, eni, vm=other.pk)
    done(power_off_vm(owner, other))
    moving.refresh_from_db()
    assert moving.status == OperationStatus.CANCELLED
    assert (fresh(eni).vm_id, fresh(eni).next_vm_id) == (vm.pk, None)
    done(bind_eni(owner, fresh(eni), vm=other.pk))
    assert str(eni.nic.pk) in defined(other)


def test_while_a_vm_is_busy_with_something_else_binding_says_so(owner: Actor, vm: Vm, eni: Eni) -> None:
    restart_vm(owner, vm)
    with pytest.raises(Busy, match="web is in use: Restarting is still running"):
        bind_eni(owner, eni, vm=vm.pk)
    assert fresh(eni).next_vm_id is None


@pytest.mark.requirement("OP-3")
def test_a_resync_plugs_in_what_is_missing_and_a_force_clean_removes_all(
    owner: Actor, vm: Vm, far: Subnet
) -> None:
    eni = make_bound(owner, far, vm)
    assert vm.host is not None
    backends.hypervisor(vm.host, None).ensure_vm_absent(str(vm.pk))
    backends.fabric(vm.region).ensure_absent(PortSpec, str(eni.nic.pk))  # type: ignore[arg-type]
    done(resync_eni(SYSTEM, eni))
    assert str(eni.nic.pk) in defined(vm) and port_of(eni) is not None
    port = str(eni.nic.pk)
    done(force_clean_eni(SYSTEM, fresh(eni)))
    assert not Eni.objects.exists() and not Nic.objects.filter(role=NicRole.ELASTIC).exists()
    assert port not in {**defined(vm), **plugged(vm)}


@pytest.mark.requirement("OP-3")
def test_bound_moved_and_unbound_there_is_nothing_to_repair(
    owner: Actor, vm: Vm, other: Vm, far: Subnet, segment: ExternalSegment
) -> None:
    enis = [make_bound(owner, far, vm), make_bound(owner, segment, vm)]
    steps: list[Callable[[Eni], Operation]] = [
        lambda eni: bind_eni(owner, eni, vm=other.pk),
        lambda eni: unbind_eni(owner, eni),
    ]
    look_twice()
    assert work() == []
    for step in steps:
        for eni in enis:
            done(step(fresh(eni)))
        look_twice()
        assert work() == []
