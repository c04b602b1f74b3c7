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

from apps.accounts.models import Project, Role, Tenant, User
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.compute.services.image import delete_image
from apps.drivers.errors import DriverError
from apps.drivers.memory import World
from apps.infrastructure import backends
from apps.infrastructure.models import Host
from apps.infrastructure.reports import collect
from apps.lifecycle import engine, requests
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.cancellation import cancel
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import InUse, NotNow
from apps.lifecycle.models import Operation, OperationStatus
from apps.lifecycle.sweep import sweep
from apps.network.models import Vpc
from apps.network.services import vpc
from apps.network.services.allowed_ranges import set_allowed_ranges
from apps.network.services.security_group import create_security_group
from apps.network.services.vpc import create_vpc
from apps.quotas import services as quotas
from apps.quotas.recount import recount
from apps.tenancy.factors.codes import keep_app, new_secret
from apps.tenancy.services import members
from apps.tenancy.services.members import set_role
from apps.tenancy.services.projects import create_project, delete_project
from apps.tenancy.services.tenants import delete_tenant
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_cloud, make_vm
from tests.concurrency.together import at_once, deadlocks, overtaken
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]
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
            made = quotas.reserve_quota

            def take_and_wait(tenant_id: int, amounts: Any) -> None:
                made(tenant_id, amounts)
                if not seen:
                    seen.append(1)
                    go_on()

            seen: list[int] = []
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("apps.network.services.vpc.reserve_quota", take_and_wait)
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


def paused(function: Callable[..., Any], go_on: Callable[[], None]) -> Callable[..., Any]:
    """Return the function, which lets others overtake before it begins."""

    def begin(*args: Any, **kwargs: Any) -> Any:
        if not started:
            started.append(1)
            go_on()
        return function(*args, **kwargs)

    started: list[int] = []
    return begin


@pytest.mark.parametrize("meanwhile", ["removed", "sessions ended", "project deleted"])
def test_a_role_set_while_its_holder_or_project_goes(
    alice: User, otto: User, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    owner = factories.actor_for_user(alice)
    project = create_project(owner, tenant_a, "shop")
    set_role(owner, otto, project, Role.MANAGER)
    others: dict[str, Callable[[], object]] = {
        "removed": lambda: members.remove_member(owner, otto),
        "sessions ended": lambda: members.end_member_sessions(owner, otto),
        "project deleted": lambda: delete_project(owner, project),
    }

    def setting(go_on: Callable[[], None]) -> User:
        monkeypatch.setattr(members, "drop_grants", paused(members.drop_grants, go_on))
        return set_role(owner, otto, project, Role.VIEWER)

    set_to, other = overtaken(setting, others[meanwhile])
    assert set_to == otto and not isinstance(other, Exception)


def test_a_member_loses_the_second_factor_while_being_removed(
    alice: User, otto: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = factories.actor_for_user(alice)
    keep_app(otto, new_secret(), 1)
    factories.page_client(otto)

    def resetting(go_on: Callable[[], None]) -> User:
        monkeypatch.setattr(members, "end_all_access", paused(members.end_all_access, go_on))
        return members.reset_member_two_factor(owner, otto)

    reset, other = overtaken(resetting, lambda: members.remove_member(owner, otto))
    assert reset == otto and other is None
    assert not User.objects.filter(pk=otto.pk).exists()


def test_what_somebody_who_is_removed_meanwhile_asked_for_is_refused_clearly(
    cloud: Cloud, owner: Actor, mia: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the login is gone is found when the transaction ends: too late for any service to look."""
    client = factories.api_client(mia)
    client.raise_request_exception = False

    def asking(go_on: Callable[[], None]) -> Any:
        monkeypatch.setattr(vpc, "reserve_quota", paused(vpc.reserve_quota, go_on))
        return client.post("/api/v1/vpcs", {"name": "net", "cidr": "10.0.0.0/16"}, format="json")

    answer, _removed = overtaken(asking, lambda: members.remove_member(owner, mia))
    assert (answer.status_code, answer.json()["code"]) == (409, "removed_meanwhile"), answer.content
    assert not Vpc.objects.exists() and not User.objects.filter(pk=mia.pk).exists()


def test_a_create_that_waited_for_the_deletion_of_its_image_sees_it(
    owner: Actor, cloud: Cloud, tenant_a: Tenant
) -> None:
    subnet = cloud.network(tenant_a)

    def deleting_image(go_on: Callable[[], None]) -> Operation:
        with transaction.atomic():
            operation = delete_image(SYSTEM, cloud.image)
            go_on()
            return operation

    deletion, refusal = overtaken(deleting_image, lambda: ask_for_vms(owner, cloud, subnet))
    assert isinstance(deletion, Operation)
    assert isinstance(refusal, NotNow) and "being deleted" in refusal.message


def test_a_tenant_deleted_while_something_is_created_in_it(
    cloud: Cloud, owner: Actor, ada: User, tenant_a: Tenant
) -> None:
    def creating(go_on: Callable[[], None]) -> Operation:
        with transaction.atomic():
            made = create_security_group(owner, name="group")
            go_on()
            return made

    made, deleted = overtaken(creating, lambda: delete_tenant(factories.actor_for_user(ada), tenant_a))
    assert isinstance(made, Operation)
    assert isinstance(deleted, InUse)
