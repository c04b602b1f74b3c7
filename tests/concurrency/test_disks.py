"""Verbs of disks and of their VMs take locks in one order; of two that want one place, one gets it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Tenant, User
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.disk_attachment import attach_disk, detach_disk
from apps.compute.services.snapshot import snapshot_disks
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.lifecycle import requests
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import InUse, NotNow, Refused
from apps.lifecycle.models import Operation
from apps.storage.models import Disk
from apps.storage.operations.disk import settle_disk_deleted
from apps.storage.services.create import create_disks
from apps.storage.services.disk import delete_disk, expand_disk, set_disk_limits
from apps.storage.services.snapshot import create_snapshot
from tests import factories
from tests.compute.factories import Cloud, make_cloud, make_vm
from tests.concurrency.together import at_once, deadlocks, overtaken
from tests.no_lease_renewal import no_lease_renewal
from tests.storage.factories import done, make_attached, make_disk, make_snapshot, used

__all__ = ["no_lease_renewal"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("OP-1", "EV-2")]

Ask = Callable[[Actor, Disk], Operation]


@pytest.fixture(autouse=True)
def no_deadlock(transactional_db: None) -> Iterator[None]:
    before = deadlocks()
    yield
    assert deadlocks() == before


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Cloud:
    world = World()
    monkeypatch.setattr(backends, "_process_world", world)
    made = make_cloud(world)
    Host.objects.update(last_report_at=timezone.now() + timedelta(hours=1))
    return made


@pytest.fixture
def owner(alice: User) -> Actor:
    return factories.actor_for_user(alice)


ASKED: list[Ask] = [
    lambda actor, disk: expand_disk(actor, disk, size_gib=20),
    lambda actor, disk: set_disk_limits(actor, disk, iops=100),
    lambda actor, disk: create_snapshot(actor, disk=disk.pk, name="one"),
    detach_disk,
]


@pytest.mark.parametrize("ask", ASKED, ids=["expand", "set limits", "snapshot", "detach"])
@pytest.mark.parametrize("of_vm", ["delete", "snapshot_disks"])
def test_a_verb_of_a_disk_waits_for_one_of_its_vm_that_wants_the_disk_too(
    cloud: Cloud, owner: Actor, tenant_a: Tenant, ask: Ask, of_vm: str
) -> None:
    vm = make_vm(owner, cloud, cloud.network(tenant_a))
    disk = make_attached(owner, cloud, vm)

    def of_the_vm(go_on: Callable[[], None]) -> Operation:
        with transaction.atomic():
            requests.lock(vm)
            go_on()
            if of_vm == "delete":
                return delete_vm(owner, vm, delete_disks=[disk.pk])
            return snapshot_disks(owner, vm, name="all")

    first, second = overtaken(of_the_vm, lambda: ask(owner, disk))
    assert isinstance(first, Operation)
    assert isinstance(second, Refused)


def test_of_many_attaches_of_one_disk_and_to_one_place_each_is_given_once(
    cloud: Cloud, owner: Actor, tenant_a: Tenant
) -> None:
    subnet = cloud.network(tenant_a)
    vms = [make_vm(owner, cloud, subnet, name=name) for name in ("a", "b")]
    disks = [make_disk(owner, cloud) for _ in range(3)]

    def asked(disk: Disk, vm: Vm) -> Callable[[], Any]:
        return lambda: attach_disk(owner, disk, vm=vm.pk)

    outcomes = at_once([asked(disk, vm) for disk in disks for vm in vms])
    accepted = [each for each in outcomes if isinstance(each, Operation)]
    assert {each.target_id for each in accepted} == {disk.pk for disk in disks}
    assert all(isinstance(each, Operation | Refused) for each in outcomes)
    taken = list(Disk.objects.filter(role=Disk.Role.DATA, vm__isnull=False).values_list("vm", "slot"))
    assert len(taken) == len(set(taken)) == len(accepted) == len(disks)
    for operation in sorted(accepted, key=lambda each: each.sequence):
        done(operation)


@pytest.mark.requirement("EV-3", "EV-5")
@pytest.mark.parametrize("with_vm", [False, True], ids=["disk", "VM"])
def test_what_is_being_copied_is_not_deleted_at_the_same_moment(
    cloud: Cloud, owner: Actor, tenant_a: Tenant, with_vm: bool
) -> None:
    """Of both, whichever comes first: a copy whose source goes before it has been read would be blank."""
    vm = make_vm(owner, cloud, cloud.network(tenant_a))
    disk = vm.disks.get() if with_vm else make_disk(owner, cloud)
    snapshot = make_snapshot(owner, disk)

    def copy(go_on: Callable[[], None] = lambda: None) -> list[Operation]:
        with transaction.atomic():
            asked = create_disks(owner, name="copy", snapshot=snapshot.pk)
            go_on()
            return asked

    def delete(go_on: Callable[[], None] = lambda: None) -> Operation:
        with transaction.atomic():
            asked = (
                delete_vm(owner, vm, with_snapshots=True)
                if with_vm
                else delete_disk(owner, disk, with_snapshots=True)
            )
            go_on()
            return asked

    first, second = overtaken(copy, delete)
    assert (isinstance(first, list), type(second)) == (True, InUse)
    done(*first)
    Disk.objects.filter(copied_from=disk).update(independent_at=timezone.now())
    first, second = overtaken(delete, copy)
    assert (isinstance(first, Operation), type(second)) == (True, NotNow)


@pytest.mark.requirement("OP-1", "EV-5")
def test_a_disk_whose_rows_two_attempts_remove_is_counted_once(cloud: Cloud, owner: Actor) -> None:
    """A worker that stood still goes on beside the one that took over."""
    disk, kept = make_disk(owner, cloud), make_disk(owner, cloud, size_gib=30)
    make_snapshot(owner, disk)

    def remove(go_on: Callable[[], None] = lambda: None) -> None:
        with transaction.atomic():
            settle_disk_deleted(disk)
            go_on()

    overtaken(remove, remove)
    assert (used(kept), used(kept, "disk"), used(kept, "snapshot")) == (30, 1, 0)
    cloud.storage.refresh_from_db()
    assert cloud.storage.provisioned_gib == 30
