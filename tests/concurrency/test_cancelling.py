"""Cancelling creations while workers are at them: what is accepted ends cancelled, what is refused ends done."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from apps.accounts.models import Tenant, User
from apps.accounts.operation_access import cancel_operation
from apps.compute.models import Vm
from apps.compute.services.delete import delete_vm
from apps.drivers.memory import MemoryFabric, MemoryHypervisor, MemoryVolumes, World
from apps.drivers.specs import PoolKind, PortSpec, Power
from apps.infrastructure import backends
from apps.infrastructure.models import Host, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow
from apps.lifecycle.models import Operation, OperationStatus, State
from tests import factories
from tests.compute.factories import ask_for_vms, make_cloud
from tests.concurrency.together import at_once
from tests.no_lease_renewal import no_lease_renewal

__all__ = ["no_lease_renewal"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("OP-4")]

CREATES, AT_ONCE = 50, 10
#: A creation takes about this long, four driver calls and some statements.
SECONDS = 0.2


class SlowWorld(World):
    """A world whose every call takes a moment, no two the same."""

    @contextmanager
    def call(self, verb: str) -> Iterator[Any]:
        time.sleep(random.uniform(0, SECONDS / 8))  # noqa: S311
        with super().call(verb) as state:
            yield state


def test_every_accepted_cancellation_ends_cancelled_and_every_refused_one_done(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None, alice: User, tenant_a: Tenant
) -> None:
    world = SlowWorld()
    monkeypatch.setattr(backends, "_process_world", world)
    cloud = make_cloud(world, hosts=4, vcpus=64, memory_gib=256)
    owner, subnet = factories.actor_for_user(alice), cloud.network(tenant_a)
    operations = [ask_for_vms(owner, cloud, subnet, name=f"vm-{n}")[0] for n in range(CREATES)]
    answers: dict[Any, bool] = {}

    tasks = [
        task
        for operation in operations
        for task in (partial(execute, operation.pk), partial(cancel_some_time, owner, operation, answers))
    ]
    at_once(tasks, AT_ONCE)

    ended = {row.pk: row.status for row in Operation.objects.filter(pk__in=answers)}
    expected = {
        pk: OperationStatus.CANCELLED if accepted else OperationStatus.DONE
        for pk, accepted in answers.items()
    }
    assert ended == expected
    assert len(answers) == CREATES
    assert set(answers.values()) == {True, False}, "both answers are to be seen; make the times fit"
    for vm in Vm.objects.select_related("host"):
        assert vm.host is not None
        runs = MemoryHypervisor(world, vm.host.name).status(str(vm.pk)).power is Power.ON
        created = ended[Operation.objects.get(target_id=vm.pk).pk] == OperationStatus.DONE
        assert (vm.state, runs) == ((State.READY, True) if created else (State.ERROR, False))
    deleted_leaves_nothing(world, owner)


def cancel_some_time(owner: Actor, operation: Operation, answers: dict[Any, bool]) -> None:
    """Cancel it at some moment of its life; note whether that was accepted."""
    time.sleep(random.uniform(0, SECONDS))  # noqa: S311
    try:
        cancel_operation(owner, operation)
    except NotNow:
        answers[operation.pk] = False
    else:
        answers[operation.pk] = True


def deleted_leaves_nothing(world: World, owner: Actor) -> None:
    """Delete all VMs, cancelled or not, and see that the hosts, the pool and the network are empty."""
    at_once([partial(execute, delete_vm(owner, vm).pk) for vm in Vm.objects.all()], AT_ONCE)
    assert not Vm.objects.exists()
    for host in Host.objects.all():
        assert MemoryHypervisor(world, host.name).observe().vms == ()
        assert (host.vcpu_reserved, host.memory_reserved_mib) == (0, 0)
    pool = StorageCluster.objects.get()
    assert MemoryVolumes(world).inventory(pool.spec()).of(PoolKind.VOLUME) == {}
    assert MemoryFabric(world).inventory().of(PortSpec) == {}
