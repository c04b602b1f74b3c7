"""Cancelling: only while no worker is at it, and nothing shown as in force that is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.compute.models import Vm
from apps.compute.services.power import delete_vm, retry_vm, shut_down_vm
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancelling import cancel, why_not_cancel
from apps.lifecycle.engine import claim, execute
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
    assert "pushed aside" in why_not_cancel(deletion)
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
