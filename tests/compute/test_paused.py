"""VMs that their hosts have paused: shown with the reason, resumed when it is gone, and never a dead end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import PauseReason, Power, Vm
from apps.compute.observation import RESUME_EVERY
from apps.compute.services.delete import delete_vm
from apps.compute.services.power import power_off_vm, restart_vm, shut_down_vm, start_vm
from apps.drivers.memory import MemoryHypervisor
from apps.drivers.specs import PauseReason as DriverPause
from apps.infrastructure.pages.attention import attention_items
from apps.infrastructure.reports import collect
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Event, Operation, OperationStatus
from apps.lifecycle.state_labels import state_label
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VM-9")]


@pytest.fixture
def vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> Vm:
    """A running VM, seen some minutes ago, whose host has reported before."""
    vm = make_vm(owner, cloud, subnet)
    collect()
    Vm.objects.update(power_seen_at=timezone.now() - timedelta(minutes=5))
    return again(vm)


def again(vm: Vm) -> Vm:
    return Vm.objects.select_related("host").get(pk=vm.pk)


def host_of(cloud: Cloud, vm: Vm) -> MemoryHypervisor:
    assert vm.host is not None
    return MemoryHypervisor(cloud.world, vm.host.name)


def pause(cloud: Cloud, vm: Vm, reason: DriverPause = DriverPause.NO_SPACE, *, gone: bool = False) -> Vm:
    """Let the host pause the VM (or say that the cause is gone), and report it."""
    host_of(cloud, vm).pause_guest(str(vm.pk), reason, cause_gone=gone)
    collect()
    return again(vm)


def carried_out(operation: Operation) -> Operation:
    execute(operation.pk)
    operation.refresh_from_db()
    return operation


@pytest.mark.parametrize("reason", list(PauseReason))
def test_a_paused_vm_is_shown_as_paused_with_the_reason(
    cloud: Cloud, vm: Vm, alice: User, reason: PauseReason
) -> None:
    paused = pause(cloud, vm, DriverPause(reason.value))
    word = state_label(paused)
    assert (word.word, word.tone, word.code, word.reason) == ("Paused", "warn", "paused", str(reason.label))
    assert paused.is_on
    shown = api_client(alice).get(f"/api/v1/vms/{vm.pk}").json()
    assert (shown["pause_reason"], shown["power_seen"]) == (reason, "on")
    browser = page_client(alice)
    for path in (f"/vms/{vm.pk}/", "/vms/", "/vms/?columns=name,paused", "/vms/?attention=true"):
        page = browser.get(path).content.decode()
        assert "Paused" in page, path
    assert "Paused: " in browser.get(f"/vms/{vm.pk}/activity/").content.decode()
    assert Event.objects.filter(resource=vm, code="vm.seen_paused").count() == 1
    collect()
    assert Event.objects.filter(resource=vm, code="vm.seen_paused").count() == 1


def test_the_list_is_filtered_by_the_reason(cloud: Cloud, vm: Vm, alice: User) -> None:
    pause(cloud, vm)
    api = api_client(alice)
    assert [row["id"] for row in api.get("/api/v1/vms?paused=no_space").json()["results"]] == [str(vm.pk)]
    assert api.get("/api/v1/vms?paused=watchdog").json()["results"] == []


def test_it_is_resumed_when_there_is_space_again_and_not_before(cloud: Cloud, vm: Vm) -> None:
    pause(cloud, vm)
    collect()
    assert not Operation.objects.open().exists()
    pause(cloud, vm, gone=True)
    resuming = Operation.objects.open().get(resource=vm)
    assert (resuming.verb, resuming.actor) == ("vm.resume", None)
    assert carried_out(resuming).status == OperationStatus.DONE
    assert state_label(again(vm)).word == "Running"
    assert not host_of(cloud, vm).status(str(vm.pk)).paused


def test_one_that_is_paused_again_at_once_is_not_resumed_without_end(cloud: Cloud, vm: Vm) -> None:
    pause(cloud, vm, gone=True)
    carried_out(Operation.objects.open().get(resource=vm))
    Vm.objects.update(power_seen_at=timezone.now() - timedelta(minutes=5))
    pause(cloud, vm, gone=True)
    assert not Operation.objects.open().exists()
    Operation.objects.update(finished_at=timezone.now() - RESUME_EVERY)
    collect()
    assert Operation.objects.open().get(resource=vm).verb == "vm.resume"


@pytest.mark.parametrize("reason", [DriverPause.MIGRATION, DriverPause.WATCHDOG, DriverPause.OTHER])
def test_what_was_paused_on_purpose_is_left_alone(cloud: Cloud, vm: Vm, reason: DriverPause) -> None:
    pause(cloud, vm, reason, gone=True)
    collect()
    assert not Operation.objects.open().exists()


def test_a_cause_that_is_not_gone_after_all_is_said(cloud: Cloud, vm: Vm) -> None:
    pause(cloud, vm, gone=True)
    resuming = Operation.objects.open().get(resource=vm)
    host_of(cloud, vm).pause_guest(str(vm.pk), DriverPause.NO_SPACE)
    assert carried_out(resuming).error["code"] == "vm.still_paused"
    assert again(vm).pause_reason == PauseReason.NO_SPACE


def test_a_restart_does_not_wait_for_a_guest_that_cannot_answer(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    pause(cloud, vm)
    started = timezone.now()
    assert carried_out(restart_vm(owner, vm)).status == OperationStatus.DONE
    assert timezone.now() - started < timedelta(seconds=10)
    assert again(vm).pause_reason == ""
    status = host_of(cloud, vm).status(str(vm.pk))
    assert (status.paused, status.boot) == (DriverPause.NONE, 2)


def test_power_off_and_delete_work_and_what_cannot_says_why(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    paused = pause(cloud, vm)
    with pytest.raises(NotNow, match="Restart or power off the VM"):
        shut_down_vm(owner, paused)
    with pytest.raises(NotNow, match="paused"):
        start_vm(owner, paused)
    assert carried_out(power_off_vm(owner, paused)).status == OperationStatus.DONE
    off = again(vm)
    assert (off.power_seen, off.pause_reason, state_label(off).word) == (Power.OFF, "", "Stopped")
    assert carried_out(delete_vm(owner, off)).status == OperationStatus.DONE


def test_a_guest_paused_while_it_shuts_down_is_not_waited_for(cloud: Cloud, vm: Vm, owner: Actor) -> None:
    operation = shut_down_vm(owner, vm)
    host_of(cloud, vm).pause_guest(str(vm.pk), DriverPause.NO_SPACE)
    assert carried_out(operation).error["code"] == "vm.paused"


def test_a_power_cut_ends_the_pause(cloud: Cloud, vm: Vm) -> None:
    pause(cloud, vm)
    assert vm.host is not None
    cloud.world.power_cut(vm.host.name)
    cloud.world.boot(vm.host.name)
    collect()
    assert again(vm).pause_reason == ""


@pytest.mark.requirement("CL-2")
def test_vms_paused_for_lack_of_space_are_linked_from_their_storage_cluster(
    cloud: Cloud, vm: Vm, alice: User, ada: User
) -> None:
    pages, path = page_client(ada), f"/admin/storage-clusters/{cloud.storage.pk}/"
    page = pages.get(path).content.decode()
    assert "paused for lack of space" not in page
    assert f"/admin/vms/{vm.pk}/" in page  # among what uses the cluster
    pause(cloud, vm)
    page = pages.get(path).content.decode()
    url = f"/admin/vms/?storage_cluster={cloud.storage.pk}&amp;paused=no_space"
    assert "1 VM is paused for lack of space." in page and url in page
    (item,) = [item for item in attention_items(cloud.region) if "lack of space" in item.text]
    assert item.url == url.replace("&amp;", "&")
    for key, names in ((cloud.storage.pk, [vm.name]), (cloud.storage.pk + 1, [])):
        found = api_client(alice).get(f"/api/v1/vms?storage_cluster={key}").json()
        assert [row["name"] for row in found["results"]] == names
