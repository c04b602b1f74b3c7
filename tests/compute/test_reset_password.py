"""Resetting the password of a running guest: it reaches the guest and stays nowhere, whatever becomes of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from passlib.hash import sha512_crypt

from apps.accounts.models import User
from apps.compute.models import Image, Vm
from apps.compute.operations import guest_password as operations
from apps.compute.services.first_boot import password_errors
from apps.compute.services.guest_password import generated_password, reset_password
from apps.compute.services.power import power_off_vm
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.memory.records import MemoryVm, vms_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid, NotNow
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.retry import why_not_retry
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm, settled
from tests.security.test_secrets import _everything_stored

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-4")]

PASSWORD = "Zebra-crossing-4711"


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    return make_vm(owner, cloud, subnet)


def guest(cloud: Cloud, vm: Vm, **said: Any) -> MemoryVm:
    """Return the VM on its host, as its guest is told to be."""
    assert vm.host is not None
    if said:
        MemoryHypervisor(cloud.world, vm.host.name).set_guest(str(vm.pk), **said)
    with cloud.world.records() as state:
        found = state.get(vms_of(vm.host.name), str(vm.pk))
    assert found is not None
    return found


def failed(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.FAILED, operation.steps
    return operation


def test_root_of_a_linux_guest_gets_it_as_a_hash_and_nothing_of_it_stays(
    cloud: Cloud, vm: Vm, owner: Actor
) -> None:
    operation = reset_password(owner, vm, password=PASSWORD)
    assert Vm.objects.get(pk=vm.pk).sealed_new_password
    assert PASSWORD not in _everything_stored()
    vm = settled(operation)
    (given,) = guest(cloud, vm).passwords.items()
    assert given[0] == "root" and sha512_crypt.verify(PASSWORD, given[1])
    assert vm.sealed_new_password == ""
    operation.refresh_from_db()
    assert PASSWORD not in json.dumps([operation.args, operation.steps, operation.result])


def test_the_administrator_of_a_windows_guest_gets_it_as_it_is(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    Image.objects.filter(pk=vm.image_id).update(os_family="windows")
    operation = reset_password(owner, vm, password=PASSWORD)
    assert PASSWORD not in _everything_stored()
    vm = settled(operation)
    assert guest(cloud, vm).passwords == {"Administrator": PASSWORD}
    assert vm.sealed_new_password == ""


@pytest.mark.parametrize(
    "password", ["", "Sh-1", "alllowercase", "Zebra\u00e9-4711", "Password123!", "Ab-1" * 17]
)
def test_it_is_checked_as_at_creation(vm: Vm, owner: Actor, password: str) -> None:
    with pytest.raises(Invalid) as refused:
        reset_password(owner, vm, password=password)
    assert refused.value.fields["password"]
    assert not Operation.objects.filter(verb="vm.reset_password").exists()


def test_a_stopped_or_paused_vm_says_what_to_do_first(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    Vm.objects.filter(pk=vm.pk).update(pause_reason="no_space")
    with pytest.raises(NotNow, match="paused"):
        reset_password(owner, vm, password=PASSWORD)
    Vm.objects.filter(pk=vm.pk).update(pause_reason="", guest_network_reason="no_agent")
    with pytest.raises(NotNow, match="install qemu-guest-agent"):
        reset_password(owner, vm, password=PASSWORD)
    settled(power_off_vm(owner, vm))
    with pytest.raises(NotNow, match="Start the VM first"):
        reset_password(owner, vm, password=PASSWORD)


def test_without_an_agent_it_fails_with_what_to_do_and_the_vm_stays_as_it_was(
    cloud: Cloud, vm: Vm, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "AGENT_PATIENCE", timedelta(0))
    guest(cloud, vm, guest_agent=False)
    operation = failed(reset_password(owner, vm, password=PASSWORD))
    assert operation.error["code"] == "vm.no_guest_agent"
    assert "install qemu-guest-agent" in operation.error["hint"]
    vm.refresh_from_db()
    assert (vm.state, vm.is_on, vm.sealed_new_password) == (State.READY, True, "")
    guest(cloud, vm, guest_agent=True)
    settled(reset_password(owner, vm, password=PASSWORD))


def test_an_agent_that_comes_up_a_moment_later_is_waited_for(
    cloud: Cloud, vm: Vm, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest(cloud, vm, guest_agent=False)
    asked = MemoryHypervisor.ensure_password

    def then_up(self: MemoryHypervisor, wanted: Any) -> None:
        try:
            asked(self, wanted)
        finally:
            self.set_guest(wanted.id, guest_agent=True)

    monkeypatch.setattr(MemoryHypervisor, "ensure_password", then_up)
    settled(reset_password(owner, vm, password=PASSWORD))
    assert guest(cloud, vm).passwords.keys() == {"root"}


def test_a_guest_that_refuses_is_asked_once(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    guest(cloud, vm, refuses_passwords=True)
    operation = failed(reset_password(owner, vm, password=PASSWORD))
    assert (operation.error["code"], operation.attempt) == ("hypervisor.password_refused", 1)
    assert Vm.objects.get(pk=vm.pk).sealed_new_password == ""


def test_it_is_forgotten_when_the_task_is_cancelled_or_pushed_aside(vm: Vm, owner: Actor) -> None:
    assert cancel(owner, reset_password(owner, vm, password=PASSWORD))
    assert Vm.objects.get(pk=vm.pk).sealed_new_password == ""
    reset_password(owner, vm, password=PASSWORD)
    power_off_vm(owner, vm)
    assert Vm.objects.get(pk=vm.pk).sealed_new_password == ""


def test_a_failed_one_is_not_retried_without_a_password(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    guest(cloud, vm, refuses_passwords=True)
    operation = failed(reset_password(owner, vm, password=PASSWORD))
    assert why_not_retry(operation) == "Submit the request again on the resource’s page."


def test_what_is_proposed_is_accepted_and_never_the_same() -> None:
    made = {generated_password() for _ in range(50)}
    assert len(made) == 50
    assert not any(map(password_errors, made))


def test_the_dialog_proposes_a_password_and_the_answer_does_not_repeat_it(
    client: Client, alice: User, vm: Vm
) -> None:
    client.force_login(alice)
    path = f"/vms/{vm.pk}/reset-password/"
    form = client.get(path).context["form"]
    assert not password_errors(form.initial["password"])
    answer = client.post(path, {"password": PASSWORD}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 200 and PASSWORD not in answer.content.decode()
    operation = Operation.objects.get(target_id=vm.pk, verb="vm.reset_password")
    assert operation.args == {"user": "root"}
