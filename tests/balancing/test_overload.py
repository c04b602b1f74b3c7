"""Hosts that stay overloaded lose a VM; everything else is left alone, and said."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.balancing.decisions import SAME_LINE, forget_old
from apps.balancing.models import BalancingPolicy, Decision, Outcome
from apps.balancing.overload import relieve_hosts
from apps.balancing.services.rules import set_rules
from apps.balancing.texts import sentence
from apps.compute.models import Vm
from apps.infrastructure.models import Host, Liveness
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation, OperationStatus
from apps.network.models import Subnet
from tests import factories
from tests.balancing.conftest import Busy
from tests.compute.factories import Cloud, make_vm

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-8")]

#: Two minutes, and one sample more.
HOT: list[float | None] = [95.0] * 5


@pytest.fixture
def vms(cloud: Cloud, subnet: Subnet, owner: Actor, busy: Busy) -> list[Vm]:
    """Two VMs on the first host; web keeps more than its vCPU busy."""
    made = [make_vm(owner, cloud, subnet, name=name) for name in ("web", "db")]
    Vm.objects.update(host=cloud.hosts[0], memory_mib=1024, vcpu=2)
    made[1].refresh_from_db()
    made[0].refresh_from_db()
    busy(made[0], [100.0] * 3)
    busy(made[1], [1.0] * 3)
    busy(cloud.hosts[1], [20.0] * 5)
    return made


@pytest.fixture
def rules(cloud: Cloud, admin: Actor) -> None:
    set_rules(admin, cloud.cluster, enabled=True, minutes=2, cpu_percent=85)


def judge() -> list[Decision]:
    """A minute later: what the log has."""
    BalancingPolicy.objects.update(judged_at=None)
    relieve_hosts()
    return list(Decision.objects.order_by("at"))


def test_a_vm_leaves_a_host_that_is_overloaded_for_the_whole_duration(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy
) -> None:
    busy(cloud.hosts[0], HOT)
    (line,) = judge()
    assert line.outcome == Outcome.MOVED, sentence(line)
    assert (line.vm_id, line.target_id) == (vms[0].pk, cloud.hosts[1].pk)
    first, second = cloud.hosts
    assert sentence(line) == (
        f"{first.name}: CPU load 95 %, above 85 % for 2 min. Moving web (1 GiB) to {second.name}: "
        f"{first.name} drops to 82 %, {second.name} rises from 20 % to 32 %."
    )
    operation = Operation.objects.get(verb="vm.migrate")
    assert (operation.actor, line.operation_id) == (None, operation.pk)
    execute(operation.pk)
    operation.refresh_from_db()
    assert operation.status == OperationStatus.DONE
    assert Vm.objects.get(pk=vms[0].pk).host_id == second.pk


def test_nothing_moves_unless_the_cluster_wants_it(cloud: Cloud, vms: list[Vm], busy: Busy) -> None:
    busy(cloud.hosts[0], HOT)
    assert judge() == []
    BalancingPolicy.objects.create(cluster=cloud.cluster, enabled=False)
    assert judge() == []


def test_a_short_peak_is_left_alone(cloud: Cloud, vms: list[Vm], rules: None, busy: Busy) -> None:
    busy(cloud.hosts[0], [95.0, 95.0, 60.0, 95.0, 95.0])
    assert judge() == []


def test_missing_samples_do_not_count_as_overload_and_it_is_said(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy
) -> None:
    busy(cloud.hosts[0], [95.0, None, 95.0, 95.0])
    (line,) = judge()
    assert line.outcome == Outcome.GAP
    assert sentence(line).endswith("Not counted as overloaded: 2 of 4 samples are missing.")
    assert not Operation.objects.filter(verb="vm.migrate").exists()


def test_two_workers_do_not_both_judge(cloud: Cloud, vms: list[Vm], rules: None, busy: Busy) -> None:
    busy(cloud.hosts[0], HOT)
    relieve_hosts()
    Operation.objects.filter(verb="vm.migrate").update(status=OperationStatus.DONE)
    Vm.objects.update(next_host=None)
    relieve_hosts()
    assert Decision.objects.count() == 1


def test_the_same_reason_is_one_line_for_an_hour(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy
) -> None:
    busy(cloud.hosts[0], HOT)
    Host.objects.filter(pk=cloud.hosts[1].pk).update(load_percent=70)
    for _minute in range(3):
        (line,) = judge()
    assert (line.outcome, line.times) == (Outcome.NO_MOVE, 3)
    assert sentence(line).endswith(
        "No VM is moved: no host would stay below its threshold (VMs checked: 1); too little relief (VMs: 1)"
    )
    Decision.objects.update(at=timezone.now() - SAME_LINE)
    assert len(judge()) == 2


@pytest.mark.parametrize("state", [{"liveness": Liveness.SUSPECTED}, {"failure": "off"}])
def test_nothing_moves_while_a_host_of_the_cluster_fails(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy, state: dict[str, str]
) -> None:
    busy(cloud.hosts[0], HOT)
    third = factories.make_host(cloud.cluster)
    Host.objects.filter(pk=third.pk).update(**state)
    (line,) = judge()
    assert line.outcome == Outcome.HELD


def test_nothing_moves_while_a_migration_of_the_host_is_open(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy
) -> None:
    busy(cloud.hosts[0], HOT)
    assert len(judge()) == 1
    assert len(judge()) == 1
    assert Operation.objects.filter(verb="vm.migrate").count() == 1


def test_a_vm_is_not_moved_again_within_its_pause(
    cloud: Cloud, vms: list[Vm], rules: None, busy: Busy
) -> None:
    busy(cloud.hosts[0], HOT)
    judge()
    Operation.objects.filter(verb="vm.migrate").update(status=OperationStatus.FAILED)
    Vm.objects.update(next_host=None)
    line = judge()[-1]
    assert line.outcome == Outcome.NO_MOVE
    assert "cannot be moved (VMs: 1): The VM was moved a short while ago." in sentence(line)
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    Host.objects.filter(pk=cloud.hosts[1].pk).update(load_percent=20)
    assert judge()[-1].outcome == Outcome.MOVED


def test_a_cluster_has_a_limit_of_moves_per_hour(
    cloud: Cloud, vms: list[Vm], rules: None, admin: Actor, busy: Busy
) -> None:
    set_rules(admin, cloud.cluster, moves_per_hour=1)
    now = timezone.now()
    moved = Decision(cluster=cloud.cluster, outcome=Outcome.MOVED, at=now, last_at=now)
    moved.save()
    busy(cloud.hosts[0], HOT)
    assert judge()[-1].outcome == Outcome.LIMIT
    Decision.objects.filter(pk=moved.pk).update(at=now - timedelta(hours=2))
    assert judge()[-1].outcome == Outcome.MOVED


def test_judging_costs_the_same_queries_for_more_hosts_and_clusters(
    cloud: Cloud, vms: list[Vm], rules: None, admin: Actor, busy: Busy
) -> None:
    Host.objects.filter(pk=cloud.hosts[1].pk).update(load_percent=70)

    def cost() -> int:
        BalancingPolicy.objects.update(judged_at=None)
        Decision.objects.all().delete()
        with CaptureQueriesContext(
            connection,
        ) as seen:
            relieve_hosts()
        return len([q for q in seen.captured_queries if "balancing_decision" not in q["sql"]])

    busy(cloud.hosts[0], HOT)
    few = cost()
    for _number in range(2):
        other = factories.make_cluster(cloud.region, name=f"c{_number}")
        set_rules(admin, other, enabled=True, minutes=2)
        for _host in range(3):
            busy(factories.make_host(other), HOT)
    assert cost() == few
    assert Decision.objects.count() == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [("cpu_percent", 19), ("memory_percent", 100), ("minutes", 61), ("margin", 0), ("pause_minutes", 4)],
)
def test_rules_are_refused_at_their_field(cloud: Cloud, admin: Actor, field: str, value: int) -> None:
    with pytest.raises(Invalid) as refused:
        set_rules(admin, cloud.cluster, **{field: value})
    assert list(refused.value.fields) == [field]
    assert not BalancingPolicy.objects.exclude(**{f"{field}__gte": 1}).exists()


def test_a_margin_leaves_something_of_the_thresholds(cloud: Cloud, admin: Actor) -> None:
    with pytest.raises(Invalid) as refused:
        set_rules(admin, cloud.cluster, cpu_percent=40, margin=40)
    assert list(refused.value.fields) == ["margin"]


def test_old_lines_are_deleted(cloud: Cloud) -> None:
    now = timezone.now()
    for days in (1, 31):
        at = now - timedelta(days=days)
        Decision.objects.create(cluster=cloud.cluster, outcome=Outcome.GAP, at=at, last_at=at)
    assert forget_old() == 1
