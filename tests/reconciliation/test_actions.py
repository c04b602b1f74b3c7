"""What the administrator can do, what it says beforehand, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.audit.models import AuditEntry
from apps.compute.models import Image, Power, Vm
from apps.compute.services.power import start_vm
from apps.compute.services.repair import resync_vm
from apps.compute.specs import vm_spec
from apps.drivers.errors import DriverError
from apps.drivers.memory import MemoryFabric, MemoryVolumes
from apps.drivers.memory.records import VOLUMES
from apps.drivers.specs import PoolKind, SubnetSpec, VolumeSpec
from apps.drivers.specs import Power as DriverPower
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Forbidden, InUse, NotNow
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.network.models import Nic, Subnet, Vpc
from apps.network.services.nic import set_security_group
from apps.quotas.models import Quota
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.selectors import in_trouble, visible_findings
from apps.reconciliation.services import Action, Choice, actions, dismiss, do, preview, reopen
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm
from tests.kinds import STRAYS
from tests.reconciliation.drift import (
    findings,
    later,
    look,
    look_twice,
    repaired,
    the_finding,
    work,
    work_with_patience,
)
from tests.reconciliation.planting import (
    hypervisor,
    other_host,
    stray_domain,
    stray_volume,
    with_parts,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-3")]


def choice(subject: Finding | Resource, action: Action) -> Choice:
    return next(found for found in actions(subject) if found.action == action)


def allowed(subject: Finding | Resource) -> set[str]:
    return {found.action.value for found in actions(subject) if found.allowed}


def lose_disk(cloud: Cloud, vm: Vm) -> None:
    with cloud.world.records() as state:
        state.delete(VOLUMES, str(vm.disks.get().pk))


def fail(verb: str, cloud: Cloud, operation: Operation) -> None:
    """Let the operation fail for good at this driver verb."""
    cloud.world.fail(verb, DriverError("The disk broke.", code="test.broken", permanent=True))
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED


# -- orphans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", STRAYS)
def test_an_orphan_can_only_be_removed_and_then_is(cloud: Cloud, vm: Vm, admin: Actor, kind: str) -> None:
    STRAYS[kind](cloud, vm)
    look_twice()
    finding = the_finding()
    assert allowed(finding) == {"force_clean"}
    assert choice(finding, Action.RESYNC).reason == "No database record defines the expected state."
    assert preview(finding, Action.FORCE_CLEAN).lost
    operation = do(admin, finding, Action.FORCE_CLEAN)
    assert operation.resource_id is None and operation.target_id == finding.pk
    entry = AuditEntry.objects.get(verb="finding.force_clean")
    assert (entry.actor_name, entry.operation, entry.args["id"]) == ("ada", operation, str(finding.target_id))
    work()
    assert repaired() == [(Rule.ORPHAN, "", kind)]
    look_twice()
    assert findings() == []
    assert Vm.objects.filter(pk=vm.pk).exists()


def test_asked_twice_an_orphan_is_removed_once(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    stray_volume(cloud, vm)
    look_twice()
    first = do(admin, the_finding(), Action.FORCE_CLEAN)
    assert do(admin, the_finding(), Action.FORCE_CLEAN) == first
    assert Operation.objects.open().count() == 1


def test_what_got_a_row_meanwhile_is_not_removed(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    stray_volume(cloud, vm)
    look_twice()
    finding = the_finding()
    operation = do(admin, finding, Action.FORCE_CLEAN)
    Disk.objects.create(
        id=finding.target_id, kind="disk", name="back", size_gib=7, cluster=cloud.storage, state=State.READY
    )
    execute(operation.pk)
    operation.refresh_from_db()
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "reconciliation.changed")
    assert str(finding.target_id) in MemoryVolumes(cloud.world).inventory(cloud.storage.spec()).of(
        PoolKind.VOLUME
    )
    look()
    finding.refresh_from_db()
    assert finding.state in (FindingState.OPEN, FindingState.GONE)


def test_an_orphan_on_a_host_out_of_reach_waits(cloud: Cloud, vm: Vm) -> None:
    stray_domain(cloud, vm)
    look_twice()
    Host.objects.update(last_report_at=timezone.now() - timedelta(minutes=5))
    assert "unreachable" in choice(the_finding(), Action.FORCE_CLEAN).reason


# -- VMs that are not where or what their rows say -------------------------------------------------------------------


def test_a_vm_seen_on_can_be_switched_off_or_be_wanted_on(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    look_twice()
    assert allowed(the_finding()) == {"resync", "roll_back"}
    assert preview(the_finding(), Action.RESYNC).lost
    assert not preview(the_finding(), Action.ROLL_BACK).lost
    do(admin, the_finding(), Action.ROLL_BACK)
    assert work() == ["vm.roll_back"]
    assert Vm.objects.get(pk=vm.pk).power == Power.ON
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower.ON


def test_resync_switches_off_what_is_wanted_off(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF)
    look_twice()
    do(admin, the_finding(), Action.RESYNC)
    assert work() == ["vm.resync"]
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower.OFF
    assert Vm.objects.get(pk=vm.pk).power_seen == Power.OFF


def test_rolling_back_a_moved_vm_moves_its_row_and_its_room(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    other_host(cloud, vm).ensure_vm(vm_spec(with_parts(vm)))
    other_host(cloud, vm).ensure_power(str(vm.pk), DriverPower.ON, boot=1)
    for _ in range(2):
        look_twice()
    finding = the_finding(aspect="misplaced")
    assert allowed(finding) == {"roll_back", "force_clean"}
    do(admin, finding, Action.ROLL_BACK)
    assert work() == ["vm.roll_back"]
    moved = Vm.objects.select_related("host").get(pk=vm.pk)
    assert moved.host is not None and moved.host.pk == finding.host_id != vm.host_id
    reserved = {host.pk: host.vcpu_reserved for host in Host.objects.all()}
    assert reserved == {vm.host_id: 0, moved.host_id: vm.vcpu}
    look_twice()
    assert findings() == []


def test_the_second_definition_of_a_vm_is_removed_only_while_it_is_off(
    cloud: Cloud, vm: Vm, admin: Actor
) -> None:
    second = other_host(cloud, vm)
    second.ensure_vm(replace(vm_spec(with_parts(vm)), disks=()))
    second.ensure_power(str(vm.pk), DriverPower.ON, boot=1)
    look_twice()
    assert allowed(the_finding()) == {"force_clean"}
    assert (
        "Its disks, addresses and database record are kept."
        in preview(the_finding(), Action.FORCE_CLEAN).done
    )
    operation = do(admin, the_finding(), Action.FORCE_CLEAN)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.error["code"] == "reconciliation.running"
    second.ensure_power(str(vm.pk), DriverPower.OFF)
    look_twice()
    do(admin, the_finding(), Action.FORCE_CLEAN)
    assert work() == ["finding.force_clean"]
    assert not second.status(str(vm.pk)).exists
    assert hypervisor(cloud, vm).status(str(vm.pk)).power is DriverPower.ON
    assert Vm.objects.filter(pk=vm.pk).exists()


def test_a_vm_without_its_disk_can_be_cleaned_away_and_gives_all_back(
    cloud: Cloud, vm: Vm, admin: Actor, tenant_a: Tenant
) -> None:
    lose_disk(cloud, vm)
    look_twice()
    assert allowed(the_finding()) == {"force_clean"}
    told = preview(the_finding(), Action.FORCE_CLEAN)
    assert any(str(vm.nics.get(role="internal").ip) in sentence for sentence in told.done)
    assert "Quota Virtual machines: 1 used now, 0 afterwards." in told.done
    assert any("40 GiB" in sentence for sentence in told.lost)
    do(admin, the_finding(), Action.FORCE_CLEAN)
    assert work() == ["vm.force_clean"]
    assert not Resource.objects.filter(kind__in=("vm", "disk")).exists()
    assert not Nic.objects.exists()
    assert not Quota.objects.filter(tenant=tenant_a, metric__in=("vm", "disk", "vcpu"), used__gt=0).exists()
    assert not Host.objects.filter(vcpu_reserved__gt=0).exists()
    assert repaired() == [(Rule.STALE, "", "disk")]


def test_a_vm_whose_host_is_gone_for_good_can_be_cleaned_away(
    cloud: Cloud, vm: Vm, admin: Actor, tenant_a: Tenant
) -> None:
    assert vm.host is not None
    cloud.world.disconnect(vm.host.name)
    Host.objects.filter(pk=vm.host.pk).update(last_report_at=timezone.now() - timedelta(hours=1))
    row = Resource.objects.get(pk=vm.pk)
    assert any("unreachable" in sentence for sentence in preview(row, Action.FORCE_CLEAN).done)
    do(admin, row, Action.FORCE_CLEAN)
    work_with_patience()
    assert not Vm.objects.exists()
    assert Quota.objects.get(tenant=tenant_a, metric="vm").used == 0
    # What was on it is listed when it comes back: the definition runs on, and holds its disk.
    cloud.world.reconnect(vm.host.name)
    look_twice()
    assert {(f.rule, f.kind) for f in findings()} == {(Rule.ORPHAN, "vm"), (Rule.ORPHAN, "disk")}


# -- resources in trouble --------------------------------------------------------------------------------------------


@pytest.fixture
def broken(cloud: Cloud, subnet: Subnet, owner: Actor) -> Resource:
    """A VM that could not be created."""
    (operation,) = ask_for_vms(owner, cloud, subnet)
    fail("volumes.ensure_volume", cloud, operation)
    return Resource.objects.get(pk=operation.target_id)


def test_what_failed_is_listed_and_tried_again(cloud: Cloud, broken: Resource, admin: Actor) -> None:
    (row,) = in_trouble(admin)
    assert row.pk == broken.pk
    assert allowed(row) == {"retry", "force_clean"}
    assert any("The disk broke." in sentence for sentence in preview(row, Action.RETRY).done)
    do(admin, row, Action.RETRY)
    assert work() == ["vm.retry"]
    assert not in_trouble(admin).exists()


def test_what_failed_on_a_vm_that_is_there_is_tried_again_or_rolled_back(
    cloud: Cloud, vm: Vm, owner: Actor, admin: Actor
) -> None:
    hypervisor(cloud, vm).ensure_power(str(vm.pk), DriverPower.OFF)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    fail("hypervisor.ensure_vm", cloud, start_vm(owner, Vm.objects.get(pk=vm.pk)))
    (row,) = in_trouble(admin)
    assert allowed(row) == {"resync", "retry", "roll_back", "force_clean"}
    do(admin, row, Action.ROLL_BACK)
    assert work() == ["vm.roll_back"]
    assert Vm.objects.get(pk=vm.pk).power == Power.OFF
    assert not in_trouble(admin).exists()


@pytest.mark.parametrize("acts", [set_security_group, resync_vm])
def test_what_failed_is_retried_by_the_verb_the_table_names_with_its_values(
    cloud: Cloud, vm: Vm, admin: Actor, acts: Callable[..., Operation]
) -> None:
    values = {"power": True} if acts is resync_vm else {"security_group": None, "role": "internal"}
    asked = acts(admin, vm, **values)
    error = {"code": "x", "message": "It broke.", "verb": asked.verb, "operation": str(asked.pk)}
    Operation.objects.filter(pk=asked.pk).update(status=OperationStatus.FAILED, error=error)
    Resource.objects.filter(pk=vm.pk).update(error=error)
    again = do(admin, in_trouble(admin).get(), Action.RETRY)
    assert (again.verb, again.args) == (asked.verb, values) == (asked.verb, asked.args)


def test_what_is_open_far_past_its_deadline_can_be_cleaned_away(
    cloud: Cloud, vm: Vm, owner: Actor, admin: Actor
) -> None:
    hypervisor(cloud, vm).ensure_power(str(vm.pk), DriverPower.OFF)
    Vm.objects.filter(pk=vm.pk).update(power=Power.OFF, power_seen=Power.OFF)
    stuck = start_vm(owner, Vm.objects.get(pk=vm.pk))
    assert not in_trouble(admin).exists()
    Operation.objects.filter(pk=stuck.pk).update(deadline=timezone.now() - timedelta(minutes=10))
    (row,) = in_trouble(admin)
    assert allowed(row) == {"force_clean"}
    assert "still running" in choice(row, Action.RESYNC).reason
    do(admin, row, Action.FORCE_CLEAN)
    assert work() == ["vm.force_clean"]
    stuck.refresh_from_db()
    assert stuck.status == OperationStatus.CANCELLED and not Vm.objects.exists()


def test_a_network_object_goes_by_force_unless_something_needs_it(
    cloud: Cloud, vm: Vm, subnet: Subnet, admin: Actor, tenant_a: Tenant
) -> None:
    vpc = Resource.objects.get(pk=subnet.vpc_id)
    with pytest.raises(InUse):
        do(admin, vpc, Action.FORCE_CLEAN)
    Nic.objects.all().delete()
    for row in (Resource.objects.get(pk=subnet.pk), vpc):
        # It cannot be removed from the network: the stray port is still in it.
        do(admin, row, Action.FORCE_CLEAN)
        work_with_patience()
    assert not Vpc.objects.exists() and not Subnet.objects.exists()
    assert Quota.objects.get(tenant=tenant_a, metric="vpc").used == 0
    later()
    assert str(subnet.pk) in MemoryFabric(cloud.world).inventory().of(SubnetSpec)
    look_twice()
    assert {(f.rule, f.kind) for f in findings() if f.resource_id != vm.pk} == {
        (Rule.ORPHAN, kind) for kind in ("nic", "subnet", "vpc")
    }


def test_an_image_goes_by_force_unless_a_disk_reads_from_it(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    with pytest.raises(InUse):
        do(admin, Resource.objects.get(pk=cloud.image.pk), Action.FORCE_CLEAN)
    spare = Image.objects.create(kind="image", name="spare", cluster=cloud.storage, region=cloud.region)
    do(admin, Resource.objects.get(pk=spare.pk), Action.FORCE_CLEAN)
    assert work() == ["image.force_clean"]
    assert not Image.objects.filter(pk=spare.pk).exists()


# -- who may, and how it is kept -------------------------------------------------------------------------------------


def test_nobody_but_an_administrator_as_such_sees_or_does_anything(
    cloud: Cloud, vm: Vm, alice: User, ada: User, tenant_a: Tenant
) -> None:
    lose_disk(cloud, vm)
    look_twice()
    for actor in (factories.actor_for_user(alice), factories.actor_for_user(ada, tenant_a)):
        assert not visible_findings(actor).exists() and not in_trouble(actor).exists()
        for attempt in (
            lambda actor=actor: do(actor, the_finding(), Action.FORCE_CLEAN),
            lambda actor=actor: do(actor, Resource.objects.get(pk=vm.pk), Action.FORCE_CLEAN),
            lambda actor=actor: dismiss(actor, the_finding()),
        ):
            with pytest.raises(Forbidden):
                attempt()
    assert not Operation.objects.open().exists()


def test_a_dismissed_finding_stays_dismissed_while_it_is_true(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    stray_volume(cloud, vm)
    look_twice()
    finding = dismiss(admin, the_finding())
    look_twice()
    assert the_finding().state == FindingState.DISMISSED and the_finding().looks == 4
    assert reopen(admin, finding).state == FindingState.OPEN
    assert set(AuditEntry.objects.filter(target_id=finding.pk).values_list("verb", flat=True)) == {
        "finding.dismiss",
        "finding.reopen",
    }
    with pytest.raises(NotNow):
        reopen(admin, finding)


def test_what_is_not_possible_is_refused_with_its_reason(cloud: Cloud, vm: Vm, admin: Actor) -> None:
    lose_disk(cloud, vm)
    look_twice()
    with pytest.raises(NotNow, match="An empty replacement disk would hide the loss"):
        do(admin, the_finding(), Action.RESYNC)


def test_a_list_of_findings_and_their_actions_costs_the_same_however_long(
    cloud: Cloud, vm: Vm, subnet: Subnet, owner: Actor, admin: Actor
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            for finding in visible_findings(admin):
                actions(finding)
            for row in in_trouble(admin):
                actions(row)
        return len(queries)

    lose_disk(cloud, vm)
    stray_volume(cloud, vm)
    Resource.objects.filter(pk=vm.pk).update(error={"code": "x", "message": "x", "verb": "vm.start"})
    look_twice()
    few = cost()
    for number in range(3):
        other = make_vm(owner, cloud, subnet, name=f"more-{number}")
        lose_disk(cloud, other)
        Resource.objects.filter(pk=other.pk).update(error={"code": "x", "message": "x", "verb": "vm.start"})
        MemoryVolumes(cloud.world).ensure_volume(VolumeSpec(str(uuid4()), cloud.storage.spec(), 7))
    look_twice()
    assert len(visible_findings(admin)) == 8 and len(in_trouble(admin)) == 4
    assert cost() == few <= 5
