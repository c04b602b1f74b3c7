"""Two beats, many hosts: nothing is done twice, and nothing costs a query for each VM."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from apps.compute.models import Vm
from apps.compute.specs import vm_spec
from apps.drivers.memory import MemoryHypervisor
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from apps.reconciliation import repair, scan_schedule, tasks
from apps.reconciliation.models import Finding, FindingState, Rule
from tests.compute.factories import Cloud, make_vm
from tests.reconciliation.drift import later, look, look_twice
from tests.reconciliation.planting import hypervisor, stray_domain, with_parts

pytestmark = pytest.mark.requirement("OP-3")


@pytest.mark.django_db
def test_a_place_is_taken_once_a_turn() -> None:
    assert scan_schedule.claim_due(["region:1", "region:2"], timedelta(seconds=30)) == {
        "region:1",
        "region:2",
    }
    assert scan_schedule.claim_due(["region:1", "region:3"], timedelta(seconds=30)) == {"region:3"}
    assert scan_schedule.claim_due([], timedelta(seconds=30)) == set()


@pytest.mark.django_db
def test_looking_costs_no_query_for_each_vm(cloud: Cloud, vm: Vm, subnet: Subnet, owner: Actor) -> None:
    def cost() -> int:
        later()
        with CaptureQueriesContext(connection) as queries:
            look()
        return len(queries)

    cost()
    few = cost()
    for number in range(5):
        make_vm(owner, cloud, subnet, name=f"more-{number}")
    assert cost() == few
    # Nor for each thing found, as long as nothing is repaired.
    for _ in range(3):
        stray_domain(cloud, vm)
    found = cost()
    for _ in range(6):
        stray_domain(cloud, vm)
    assert cost() <= found + 2


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_mend_once(cloud: Cloud, vm: Vm) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    look_twice_without_mending()
    assert Finding.objects.get().state == FindingState.OPEN
    start = Barrier(4)

    def beat(_number: int) -> int:
        try:
            start.wait(10)
            return repair.repair_due_findings()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        asked = sum(pool.map(beat, range(4)))
    assert asked == 1
    assert Operation.objects.filter(verb="vm.resync").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_write_one_finding(cloud: Cloud, vm: Vm) -> None:
    stray_domain(cloud, vm)
    later()
    start = Barrier(4)

    def beat(_number: int) -> None:
        try:
            start.wait(10)
            look()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(beat, range(4)))
    finding = Finding.objects.get()
    assert (finding.state, finding.looks) == (FindingState.SUSPECTED, 1)


def look_twice_without_mending() -> None:
    for _ in range(2):
        later()
        tasks.look_at_regions()
        tasks.look_at_pools()
        collect()
    tasks.confirm()


@pytest.mark.django_db
def test_what_cannot_be_repaired_is_tried_a_few_times_and_then_left_to_the_administrator(
    cloud: Cloud, vm: Vm
) -> None:
    hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
    for _ in range(6):
        look_twice()
        Operation.objects.open().update(status=OperationStatus.FAILED)
    assert Operation.objects.filter(verb="vm.resync").count() == 3
    assert Finding.objects.get().state == FindingState.OPEN


@pytest.mark.django_db
def test_what_comes_back_whenever_it_is_repaired_is_left_to_the_administrator(cloud: Cloud, vm: Vm) -> None:
    for _ in range(5):
        hypervisor(cloud, vm).ensure_vm_absent(str(vm.pk))
        look_twice()
        Operation.objects.open().update(status=OperationStatus.DONE)
        tasks.reconcile()
    assert Operation.objects.filter(verb="vm.resync").count() == 3
    assert Finding.objects.get(state=FindingState.OPEN).rule == Rule.STALE


@pytest.mark.django_db
def test_a_host_that_reports_nonsense_harms_nobody(cloud: Cloud, vm: Vm) -> None:
    assert vm.host is not None
    MemoryHypervisor(cloud.world, vm.host.name).ensure_vm(
        replace(vm_spec(with_parts(vm)), id=str(uuid4()).upper(), disks=(), generation=1 << 40)
    )
    look_twice()
    assert not Finding.objects.exists()
