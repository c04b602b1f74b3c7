"""From every state there is a way out: power off and delete are accepted and settle, or are refused with a reason.

Every stored state × every verb that can hold a VM × how far that one has come × how its host is. What is reached this
way is more than can happen; nothing of it may be a dead end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import cycle, product
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Project, User
from apps.compute.models import Power, Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import delete_image
from apps.compute.services.power import power_off_vm
from apps.drivers.memory import MemoryFabric, MemoryVolumes
from apps.drivers.specs import PoolKind, PortSpec, SubnetSpec
from apps.infrastructure import backends
from apps.infrastructure.enrolment import remove_host
from apps.infrastructure.models import SILENCE, Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancellation import why_not_cancel
from apps.lifecycle.engine import claim, execute
from apps.lifecycle.errors import Busy, InUse, NotNow, Refused
from apps.lifecycle.legality import possibilities
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.requests import Change
from apps.lifecycle.verbs import all_verbs, verb_named
from apps.network.models import Nic, Subnet
from apps.network.services.security_group import delete_security_group
from apps.network.services.subnet import delete_subnet
from apps.network.services.vpc import delete_vpc
from apps.quotas.models import Quota
from apps.quotas.services import reserve_quota
from apps.storage.models import Disk
from tests import factories
from tests.compute.factories import (
    Cloud,
    ask_for_vms,
    make_group,
    make_image,
    make_subnet,
    make_vm,
    settled,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-4")]


def held_by(kind: str) -> list[str]:
    """Return every verb that takes a resource's one place for an open operation, made by creating it or later."""
    return [verb.name for verb in all_verbs() if verb.kind == kind and verb.exclusive]


#: None and every verb that takes a VM's one place for an open operation.
HELD_BY = [None, *held_by("vm")]


def _queued(operation: Operation) -> None:
    """Nobody has taken it up yet."""


def _at_work(operation: Operation) -> None:
    claim(operation.pk)


def _abandoned(operation: Operation) -> None:
    claim(operation.pk)
    Operation.objects.filter(pk=operation.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def _given_back(operation: Operation) -> None:
    later = timezone.now() + timedelta(seconds=15)
    Operation.objects.filter(pk=operation.pk).update(attempt=3, failures=3, not_before=later)


def _in_reach(cloud: Cloud, host: Host) -> None:
    """It answers."""


def _silent(cloud: Cloud, host: Host) -> None:
    cloud.world.disconnect(host.name)
    Host.objects.filter(pk=host.pk).update(last_report_at=timezone.now() - 2 * SILENCE)


def _closed(cloud: Cloud, host: Host) -> None:
    Host.objects.filter(pk=host.pk).update(accepts_vms=False)


STAGES = (_queued, _at_work, _abandoned, _given_back)
HOSTS = (_in_reach, _silent, _closed)
EXITS: tuple[Callable[[Actor, Vm], Operation], ...] = (delete_vm, power_off_vm)


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def situations() -> Iterator[tuple[str | None, Callable[[Operation], None], Callable[[Cloud, Host], None]]]:
    """All of them where SCLOUD_ALL_EXITS is set; else each two of verb, stage and host meet at least once."""
    pairs = [(verb, stage) for verb, stage in product(HELD_BY, STAGES) if verb or stage is _queued]
    if os.environ.get("SCLOUD_ALL_EXITS"):
        yield from ((verb, stage, host) for (verb, stage), host in product(pairs, HOSTS))
        return
    yield from ((verb, stage, host) for (verb, stage), host in zip(pairs, cycle(HOSTS), strict=False))


def hold(
    owner: Actor, vm: Resource, verb_name: str | None, stage: Callable[[Operation], None]
) -> Operation | None:
    """Have an operation hold the VM, as far as `stage` says."""
    if verb_name is None:
        return None
    args = {"role": "internal", "security_group": None} if verb_name == "vm.set_security_group" else {}
    operation = Change(owner, verb_named(verb_name), vm).request(args=args)
    stage(operation)
    operation.refresh_from_db()
    return operation


def run_to_its_end(operation: Operation) -> None:
    """What workers and the sweeper come to: attempts until it is settled, at its deadline at the latest."""
    for passed in (timedelta(), timedelta(), operation.deadline - timezone.now() + timedelta(seconds=1)):
        Operation.objects.filter(pk=operation.pk).update(
            not_before=timezone.now() - timedelta(seconds=1), deadline=operation.deadline - passed
        )
        execute(operation.pk)
        operation.refresh_from_db()
        if not operation.is_open:
            return
    raise AssertionError(f"{operation} never settles")


def ensure_a_reason_that_holds(refusal: Refused, leave: object, vm: Vm, held: Operation | None) -> None:
    """Only two: it is ending (or being powered off) already, or it is off and nothing is going on with it."""
    if isinstance(refusal, Busy):
        assert held is not None
        assert held.verb in {"vm.delete", "vm.force_clean", "vm.power_off"}, refusal.message
        return
    assert isinstance(refusal, NotNow)
    assert (leave, held, vm.power_seen) == (power_off_vm, None, Power.OFF), refusal.message


def ensure_it_settled(operation: Operation, vm: Vm, host: Host, cloud: Cloud) -> None:
    assert not Operation.objects.open().filter(target_id=vm.pk).exists()
    assert not OperationLock.objects.exists()
    if operation.status == OperationStatus.FAILED:
        assert not Host.objects.get(pk=host.pk).in_reach, operation.error
        assert operation.error["code"] == "host.unreachable"
        assert operation.error["message"]
        assert ("force clean" if operation.verb == "vm.delete" else "host is up") in operation.error["hint"]
        assert Resource.objects.get(pk=vm.pk).error["operation"] == str(operation.pk)
        return
    assert operation.status == OperationStatus.DONE, operation.error
    if operation.verb == "vm.delete":
        assert not Vm.objects.filter(pk=vm.pk).exists()
        assert not Disk.objects.exists()
        assert not Nic.objects.exists()
        assert not Quota.objects.filter(tenant=vm.tenant, metric="vm", used__gt=0).exists()
        assert MemoryVolumes(cloud.world).observe(cloud.storage.spec()).of(PoolKind.VOLUME) == ()
        assert not MemoryFabric(cloud.world).inventory().of(PortSpec)
    else:
        gone = Vm.objects.get(pk=vm.pk)
        assert (gone.state, gone.power, gone.power_seen) == (State.READY, Power.OFF, Power.OFF)


@pytest.mark.campaign(
    "ways out", ("apps/compute/services/", "apps/compute/operations/", "apps/compute/verbs")
)
@pytest.mark.parametrize("leave", EXITS)
@pytest.mark.parametrize("state", State.values)
def test_power_off_and_delete_from_every_state(
    cloud: Cloud, subnet: Subnet, owner: Actor, state: str, leave: Callable[[Actor, Vm], Operation]
) -> None:
    vm = make_vm(owner, cloud, subnet)
    host = vm.host
    assert host is not None
    Resource.objects.filter(pk=vm.pk).update(state=state)
    tables = cloud.world._state._tables
    before = {name: dict(records) for name, records in tables.items()}
    for verb_name, stage, is_host in situations():
        with undone():
            held = hold(owner, vm, verb_name, stage)
            is_host(cloud, host)
            try:
                operation = leave(owner, vm)
            except Refused as refusal:
                ensure_a_reason_that_holds(refusal, leave, vm, held)
            else:
                run_to_its_end(operation)
                ensure_it_settled(operation, vm, host, cloud)
        tables.update({name: dict(before.get(name, {})) for name in tables})


def test_at_each_moment_something_can_be_done_with_a_vm(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    moments = zip(product(State.values, HELD_BY, STAGES), cycle(Power.values), strict=False)
    for (state, verb_name, stage), power in moments:
        with undone():
            Resource.objects.filter(pk=vm.pk).update(state=state)
            Vm.objects.filter(pk=vm.pk).update(power_seen=power)
            held = hold(owner, vm, verb_name, stage)
            fresh = Vm.objects.get(pk=vm.pk)
            ways = {judged.verb.action for judged in possibilities(fresh) if judged.allowed}
            if held is not None and not why_not_cancel(held):
                ways.add("cancel")
            # To be deleted already, it needs no way out but the deadline, which is near.
            going = held is not None and held.verb in {"vm.delete", "vm.force_clean"}
            assert ways & {"delete", "cancel"} or going, (state, power, verb_name, stage.__name__)
            assert ways, "not even a name can be changed"


def test_a_host_with_vms_is_not_removed_from_under_them(
    cloud: Cloud, subnet: Subnet, owner: Actor, ada: User
) -> None:
    vm = make_vm(owner, cloud, subnet)
    assert vm.host is not None
    _silent(cloud, vm.host)
    with pytest.raises(InUse):
        remove_host(factories.actor_for_user(ada), vm.host)


def test_powering_off_what_is_being_made_leaves_it_made_and_off(
    cloud: Cloud, subnet: Subnet, owner: Actor
) -> None:
    (creating,) = ask_for_vms(owner, cloud, subnet)
    vm = settled(power_off_vm(owner, Vm.objects.get(pk=creating.target_id)))
    assert (vm.state, vm.power, vm.disks.get().state) == (State.READY, Power.OFF, State.READY)
    creating.refresh_from_db()
    assert creating.status == OperationStatus.CANCELLED


def test_power_off_does_not_push_a_deletion_aside(cloud: Cloud, subnet: Subnet, owner: Actor) -> None:
    vm = make_vm(owner, cloud, subnet)
    delete_vm(owner, vm)
    with pytest.raises(Busy, match="Deleting"):
        power_off_vm(owner, vm)


def _project(subnet: Subnet) -> Project:
    assert subnet.project is not None
    return subnet.project


def _an_image(cloud: Cloud, subnet: Subnet) -> Resource:
    return make_image(cloud.storage, "Unused")


def _a_vpc(cloud: Cloud, subnet: Subnet) -> Resource:
    made = make_subnet(cloud.region, _project(subnet), "10.77.0.0/16")
    vpc = made.vpc
    backends.fabric(cloud.region).ensure_absent(SubnetSpec, str(made.pk))
    made.delete()
    return vpc


def _a_subnet(cloud: Cloud, subnet: Subnet) -> Resource:
    return make_subnet(cloud.region, _project(subnet), "10.78.0.0/16")


def _a_group(cloud: Cloud, subnet: Subnet) -> Resource:
    return make_group(cloud.region, _project(subnet))


@pytest.mark.parametrize(
    ("make", "delete"),
    [
        (_an_image, delete_image),
        (_a_vpc, delete_vpc),
        (_a_subnet, delete_subnet),
        (_a_group, delete_security_group),
    ],
)
def test_every_other_kind_is_deleted_from_every_state(
    cloud: Cloud, subnet: Subnet, ada: User, make: Any, delete: Any
) -> None:
    admin = factories.actor_for_user(ada)
    for metric in ("vpc", "subnet", "security_group"):
        reserve_quota(_project(subnet).tenant_id, {metric: 2})
    resource = make(cloud, subnet)
    tables = cloud.world._state._tables
    before = {name: dict(records) for name, records in tables.items()}
    for state, verb_name, stage in product(State.values, [None, *held_by(resource.kind)], STAGES):
        with undone():
            Resource.objects.filter(pk=resource.pk).update(state=state)
            Host.objects.update(last_report_at=timezone.now())  # on a slow machine the last one is long ago
            held = hold(admin, resource, verb_name, stage)
            try:
                operation = delete(admin, resource)
            except Busy as busy:
                assert held is not None
                assert held.verb.endswith((".delete", ".force_clean")), busy.message
            else:
                run_to_its_end(operation)
                assert operation.status == OperationStatus.DONE, operation.error
                assert not Resource.objects.filter(pk=resource.pk).exists()
                assert not Operation.objects.open().filter(target_id=resource.pk).exists()
        tables.update({name: dict(before.get(name, {})) for name in tables})


def test_an_image_is_not_deleted_for_ever_where_no_host_is_in_reach(cloud: Cloud, ada: User) -> None:
    image = make_image(cloud.storage, "Unused")
    for host in cloud.hosts:
        _silent(cloud, host)
    operation = delete_image(factories.actor_for_user(ada), image)
    run_to_its_end(operation)
    assert (operation.status, operation.error["code"]) == (OperationStatus.FAILED, "host.unreachable")
    delete_image(factories.actor_for_user(ada), image)
