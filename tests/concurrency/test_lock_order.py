"""Nobody waits for somebody who waits for them: locks are taken in one order (docs/concepts/operations.md).

Each test stops one of two in the middle, lets the other run into its lock, and goes on. Were the order not kept,
PostgreSQL would find a deadlock and end one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.compute.models import Vm
from apps.compute.services.power import delete_vm
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reports import collect
from apps.lifecycle import engine, requests
from apps.lifecycle.actor import Actor
from apps.lifecycle.cancelling import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.sweep import sweep
from apps.network.services.allowed_ranges import set_allowed_ranges
from apps.network.services.vpc import create_vpc
from apps.quotas import services as quotas
from apps.quotas.recount import recount
from apps.tenancy.models import Project, Role, Tenant, User
from apps.tenancy.services.members import set_role
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_cloud, make_vm
from tests.concurrency.together import at_once, deadlocks, overtaken
from tests.keeper import no_keeper

__all__ = ["no_keeper"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("OP-1")]


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


def deleting(owner: Actor, vm: Vm, go_on: Callable[[], None]) -> Operation:
    """Delete a VM; stop while its row is held and before what is under way is pushed aside."""
    with transaction.atomic():
        requests.lock(vm)
        go_on()
        return delete_vm(owner, vm)


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_an_operation_that_ends_while_its_vm_is_being_deleted(
    cloud: Cloud, owner: Actor, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    subnet = cloud.network(tenant_a)
    (creating,) = ask_for_vms(owner, cloud, subnet)
    if ends == "badly":
        monkeypatch.setattr(engine, "handler_of", lambda _verb: _refuse)
    vm = Vm.objects.get()
    asked, _done = overtaken(lambda go_on: deleting(owner, vm, go_on), lambda: execute(creating.pk))
    creating.refresh_from_db()
    assert isinstance(asked, Operation)
    assert creating.status == OperationStatus.CANCELLED


def _refuse(run: Any) -> None:
    raise DriverError("no", permanent=True)


def test_an_operation_cancelled_while_its_vm_is_being_deleted(
    cloud: Cloud, owner: Actor, tenant_a: Tenant
) -> None:
    (creating,) = ask_for_vms(owner, cloud, cloud.network(tenant_a))
    vm = Vm.objects.get()
    asked, cancelled = overtaken(lambda go_on: deleting(owner, vm, go_on), lambda: cancel(owner, creating))
    assert isinstance(asked, Operation) and cancelled is False


def test_an_operation_swept_away_while_its_vm_is_being_deleted(
    cloud: Cloud, owner: Actor, tenant_a: Tenant
) -> None:
    (creating,) = ask_for_vms(owner, cloud, cloud.network(tenant_a))
    Operation.objects.filter(pk=creating.pk).update(deadline=timezone.now() - timedelta(hours=1))
    vm = Vm.objects.get()
    asked, _swept = overtaken(lambda go_on: deleting(owner, vm, go_on), sweep)
    creating.refresh_from_db()
    assert isinstance(asked, Operation)
    assert creating.status == OperationStatus.CANCELLED


def test_a_report_taken_while_its_vm_is_being_changed(cloud: Cloud, owner: Actor, tenant_a: Tenant) -> None:
    vm = make_vm(owner, cloud, cloud.network(tenant_a))
    long_ago = timezone.now() - timedelta(minutes=5)
    Vm.objects.filter(pk=vm.pk).update(power_seen="off", power_seen_at=long_ago)
    Host.objects.update(last_report_at=long_ago)
    asked, taken = overtaken(lambda go_on: deleting(owner, vm, go_on), collect)
    assert isinstance(asked, Operation) and taken == 2


def test_a_vpc_with_its_first_subnet_made_during_a_recount(
    owner: Actor, cloud: Cloud, tenant_a: Tenant
) -> None:
    """The recount holds all rows of quotas in order; the create wants two of them."""
    given = {"name": "net", "cidr": "10.0.0.0/16", "subnet_cidr": "10.0.1.0/24"}

    def creating(go_on: Callable[[], None]) -> Operation:
        with transaction.atomic():
            made = quotas.take

            def take_and_wait(tenant_id: int, amounts: Any) -> None:
                made(tenant_id, amounts)
                if not seen:
                    seen.append(1)
                    go_on()

            seen: list[int] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("apps.network.services.vpc.take", take_and_wait)
                return create_vpc(owner, **given)

    asked, differences = overtaken(creating, lambda: recount(tenant_a))
    assert isinstance(asked, Operation) and differences == []


def test_hosts_report_while_a_batch_is_placed_on_them(cloud: Cloud, owner: Actor, tenant_a: Tenant) -> None:
    subnet = cloud.network(tenant_a)
    Host.objects.update(last_report_at=timezone.now())

    def placing(go_on: Callable[[], None]) -> list[Operation]:
        with transaction.atomic():
            first = min(cloud.hosts, key=lambda host: host.pk)
            Host.objects.filter(pk=first.pk).update(vcpu_reserved=0)
            go_on()
            return ask_for_vms(owner, cloud, subnet, count=4)

    asked, taken = overtaken(placing, collect)
    assert len(asked) == 4 and taken == 2


@pytest.mark.parametrize("round", range(3))
def test_two_admins_set_the_allowed_ranges_at_once(ada: User, round: int) -> None:
    admin = factories.actor_for_user(ada)
    rows = [{"cidr": "10.0.0.0/8", "min_prefix": 16, "max_prefix": 24}]
    set_allowed_ranges(admin, ranges=rows)
    assert at_once([lambda: set_allowed_ranges(admin, ranges=rows)] * 4) == [None] * 4


@pytest.mark.parametrize("round", range(3))
def test_a_role_set_several_times_at_once(alice: User, otto: User, project_a: Project, round: int) -> None:
    owner = factories.actor_for_user(alice)
    roles = [Role.MANAGER, Role.VIEWER, Role.OPERATOR, None]
    at_once([lambda r=role: set_role(owner, otto, project_a, r) for role in roles])  # type: ignore[misc]
