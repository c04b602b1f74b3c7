"""Cancelling: only while no worker is at it, and nothing shown as in force that is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.operation_access import cancel_operation
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import (
    power_off_vm,
    restart_vm,
    retry_vm,
    shut_down_vm,
    start_vm,
)
from apps.drivers.memory import MemoryFabric, MemoryHypervisor, MemoryVolumes
from apps.drivers.specs import Power as DriverPower
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel, why_not_cancel
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.network.models import Subnet
from apps.network.services.nic import set_security_group
from apps.network.services.security_group import set_rules
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_group, make_vm, settled


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


def given_back(operation: Operation) -> Operation:
    """As after an attempt that failed for the time being."""
    Operation.objects.filter(pk=operation.pk).update(
        status=OperationStatus.QUEUED, attempt=2, not_before=timezone.now() + timedelta(minutes=1)
    )
    operation.refresh_from_db()
    return operation


@pytest.mark.requirement("OP-4")
def test_a_creation_that_keeps_failing_is_cancelled_between_attempts_and_taken_up_again(
    owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    assert cancel(owner, given_back(operation))
    vm = Vm.objects.get(pk=operation.target_id)
    assert (vm.state, vm.error["code"]) == (State.ERROR, "operation.cancelled")
    assert vm.error["message"] == "Cancelled after 2 attempts."
    assert settled(retry_vm(owner, vm)).state == State.READY


@pytest.mark.requirement("OP-4")
def test_what_an_attempt_may_have_changed_says_so_after_the_cancellation(vm: Vm, owner: Actor) -> None:
    assert cancel(owner, given_back(shut_down_vm(owner, vm)))
    vm.refresh_from_db()
    assert (vm.state, vm.error["code"], vm.error["verb"]) == (
        State.READY,
        "operation.cancelled",
        "vm.shut_down",
    )


@pytest.mark.requirement("OP-4")
def test_a_deletion_cancelled_in_time_leaves_all_as_it_was_and_can_be_asked_for_again(
    vm: Vm, owner: Actor
) -> None:
    assert cancel(owner, delete_vm(owner, vm))
    vm.refresh_from_db()
    assert (vm.state, vm.error) == (State.READY, {})
    again = delete_vm(owner, vm)
    execute(again.pk)
    assert not Vm.objects.filter(pk=vm.pk).exists()


@pytest.mark.requirement("OP-4")
def test_what_waits_for_a_pushed_aside_handler_to_stop_is_not_cancelled(vm: Vm, owner: Actor) -> None:
    claim(shut_down_vm(owner, vm).pk)
    deletion = delete_vm(owner, vm)
    assert "the one it replaced" in why_not_cancel(deletion)
    assert not cancel(owner, deletion)


@pytest.mark.requirement("OP-4")
def test_a_cancelled_operation_is_not_run_when_its_bell_rings_late(vm: Vm, owner: Actor) -> None:
    operation = shut_down_vm(owner, vm)
    cancel(owner, operation)
    execute(operation.pk)
    vm.refresh_from_db()
    assert vm.is_on


@pytest.mark.requirement("OP-4")
@pytest.mark.requirement("SG-1")
def test_changes_that_pages_show_as_in_force_cannot_be_cancelled(
    vm: Vm, owner: Actor, cloud: Cloud, subnet: Subnet
) -> None:
    group = make_group(cloud.region, factories.default_project(subnet.tenant))
    binding: Any = set_security_group(owner, vm, security_group=group.pk)
    rules: Any = set_rules(
        owner, make_group(cloud.region, factories.default_project(subnet.tenant)), rules=[]
    )
    for operation in (binding, rules):
        assert why_not_cancel(operation)
        assert not cancel(owner, operation)
        operation.refresh_from_db()
        assert operation.status == OperationStatus.QUEUED


def while_calling(
    monkeypatch: pytest.MonkeyPatch, driver: type, verb: str, then: Callable[[], object]
) -> None:
    """Have something happen while a driver's verb is under way, once."""
    real, times = getattr(driver, verb), []

    def called(self: object, *args: object, **kwargs: object) -> object:
        if not times:
            times.append(verb)
            then()
        return real(self, *args, **kwargs)

    monkeypatch.setattr(driver, verb, called)


@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize(
    ("driver", "verb", "in_time"),
    [
        (MemoryVolumes, "ensure_volume", True),
        (MemoryFabric, "ensure", True),
        (MemoryHypervisor, "ensure_vm", True),
        (MemoryHypervisor, "ensure_power", False),
    ],
)
def test_a_creation_cancelled_in_time_never_runs_and_one_cancelled_too_late_says_so(
    owner: Actor,
    cloud: Cloud,
    subnet: Subnet,
    monkeypatch: pytest.MonkeyPatch,
    driver: type,
    verb: str,
    in_time: bool,
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    answers: list[object] = []

    def cancel_now() -> None:
        try:
            answers.append(cancel_operation(owner, operation).stopping)
        except NotNow as refused:
            answers.append(refused.message)

    while_calling(monkeypatch, driver, verb, cancel_now)
    execute(operation.pk)
    operation.refresh_from_db()
    vm = Vm.objects.select_related("host").get(pk=operation.target_id)
    assert vm.host is not None
    runs = MemoryHypervisor(cloud.world, vm.host.name).status(str(vm.pk)).power is DriverPower.ON
    if in_time:
        assert answers == ["asked"]
        assert (operation.status, vm.state, runs) == (OperationStatus.CANCELLED, State.ERROR, False)
    else:
        assert answers == ["Too late to cancel: the current step cannot be undone."]
        assert (operation.status, vm.state, runs) == (OperationStatus.DONE, State.READY, True)


@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize(("service", "runs"), [(power_off_vm, False), (restart_vm, True)])
def test_a_change_of_power_under_way_is_not_cancelled_once_the_host_is_told(
    vm: Vm, owner: Actor, monkeypatch: pytest.MonkeyPatch, service: Callable[..., Operation], runs: bool
) -> None:
    operation = service(owner, vm)
    answers: list[bool] = []

    def cancel_last() -> None:
        answers.append(cancel(owner, operation))

    real = MemoryHypervisor.ensure_power

    def told(self: MemoryHypervisor, *args: Any, graceful: bool = False, **kwargs: Any) -> Any:
        if not graceful:
            cancel_last()
        return real(self, *args, graceful=graceful, **kwargs)

    monkeypatch.setattr(MemoryHypervisor, "ensure_power", told)
    execute(operation.pk)
    operation.refresh_from_db()
    vm.refresh_from_db()
    assert (answers, operation.status, vm.is_on) == ([False], OperationStatus.DONE, runs)


@pytest.mark.requirement("OP-4")
def test_a_start_cancelled_in_time_stays_off_and_is_wanted_no_more(
    vm: Vm, owner: Actor, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm = settled(power_off_vm(owner, vm))
    operation = start_vm(owner, vm)
    while_calling(monkeypatch, MemoryFabric, "ensure", lambda: cancel(owner, operation))
    execute(operation.pk)
    operation.refresh_from_db()
    vm.refresh_from_db()
    assert vm.host is not None
    assert (operation.status, vm.power, vm.is_on) == (OperationStatus.CANCELLED, "off", False)
    assert MemoryHypervisor(cloud.world, vm.host.name).status(str(vm.pk)).power is DriverPower.OFF
