"""What must hold when many ask at once. Real threads, real transactions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction

from apps.accounts.models import Project
from apps.infrastructure.models import Region
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import InUse, Invalid, NotNow, Refused
from apps.lifecycle.models import Operation, Resource
from apps.network.models import Nic, Subnet, Vpc
from apps.network.services.addresses import allocate_nic
from apps.network.services.subnet import create_subnet, delete_subnet
from apps.network.services.vpc import delete_vpc
from tests.network.factories import make_machine, make_subnet

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*tasks: Callable[[], Any], threads: int = 16) -> list[Any]:
    """Run the tasks in threads that start together; return what each returned or the Refused it raised."""
    together = Barrier(min(len(tasks), threads))

    def run(number: int) -> Any:
        try:
            if number < threads:
                together.wait(timeout=30)
            return tasks[number]()
        except Refused as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(len(tasks))))


@pytest.mark.requirement("VP-2")
def test_a_hundred_allocations_at_once_give_a_hundred_addresses(
    subnet: Subnet, project_a: Project, region: Region
) -> None:
    machines = [make_machine(project_a, region) for _ in range(100)]

    def allocate(machine: Resource) -> Nic:
        with transaction.atomic():
            return allocate_nic(subnet, machine)

    nics = at_once(*(lambda m=machine: allocate(m) for machine in machines))  # type: ignore[misc]
    assert {str(nic.ip) for nic in nics} == {f"10.0.1.{n}" for n in range(2, 102)}
    assert len({nic.mac for nic in nics}) == 100


def test_more_allocations_than_addresses_fill_the_subnet_and_refuse_the_rest(
    vpc: Vpc, project_a: Project, region: Region
) -> None:
    small = make_subnet(vpc, "10.0.2.0/28")
    machines = [make_machine(project_a, region) for _ in range(20)]

    def allocate(machine: Resource) -> Nic:
        with transaction.atomic():
            return allocate_nic(small, machine)

    outcomes = at_once(*(lambda m=machine: allocate(m) for machine in machines))  # type: ignore[misc]
    assert sum(isinstance(o, Nic) for o in outcomes) == 13
    assert [o.code for o in outcomes if isinstance(o, Refused)] == ["subnet.full"] * 7


@pytest.mark.requirement("VP-2")
def test_of_two_overlapping_subnets_at_once_one_is_refused(owner: Actor, vpc: Vpc) -> None:
    outcomes = at_once(
        lambda: create_subnet(owner, vpc=vpc.pk, name="one", cidr="10.0.4.0/23"),
        lambda: create_subnet(owner, vpc=vpc.pk, name="two", cidr="10.0.5.0/24"),
    )
    assert {type(outcome) for outcome in outcomes} == {Operation, Invalid}
    assert Subnet.objects.count() == 1


@pytest.mark.requirement("VP-4")
@pytest.mark.parametrize("attempt", range(5))
def test_a_vpc_is_not_deleted_under_a_subnet_made_at_the_same_time(
    owner: Actor, vpc: Vpc, attempt: int
) -> None:
    created, deleted = at_once(
        lambda: create_subnet(owner, vpc=vpc.pk, name="late", cidr="10.0.4.0/24"),
        lambda: delete_vpc(owner, vpc),
    )
    assert (type(created), type(deleted)) in {(Operation, InUse), (NotNow, Operation)}


@pytest.mark.requirement("VP-4")
@pytest.mark.parametrize("attempt", range(5))
def test_a_subnet_is_not_deleted_under_a_machine_made_at_the_same_time(
    owner: Actor, subnet: Subnet, project_a: Project, region: Region, attempt: int
) -> None:
    machine = make_machine(project_a, region)

    def allocate() -> Nic:
        with transaction.atomic():
            return allocate_nic(subnet, machine)

    allocated, deleted = at_once(allocate, lambda: delete_subnet(owner, subnet))
    assert (type(allocated), type(deleted)) in {(Nic, InUse), (NotNow, Operation)}
