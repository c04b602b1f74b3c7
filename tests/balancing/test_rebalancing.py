"""A plan is previewed, applied and carried out a few moves at a time; what changed meanwhile is refused."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.balancing.carrying_out import AT_ONCE, carry_on_rebalancings
from apps.balancing.models import Rebalancing
from apps.balancing.planning import Wanted
from apps.balancing.services.rebalancing import cancel_rebalancing, plan_of, rebalance
from apps.compute.models import Vm
from apps.infrastructure.models import Host
from apps.lifecycle.actor import Actor
from apps.lifecycle.engine import execute
from apps.lifecycle.errors import NotNow, Refused
from apps.lifecycle.models import BatchOutcome, Operation
from apps.network.models import Subnet
from tests.compute.factories import Cloud, make_vm
from tests.factories import api_client, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("CL-8")]

COUNT = 6


@pytest.fixture
def vms(cloud: Cloud, subnet: Subnet, owner: Actor) -> list[Vm]:
    """All VMs on the first host, which they fill."""
    made = [make_vm(owner, cloud, subnet, name=f"vm-{number}") for number in range(COUNT)]
    first, second = cloud.hosts
    Vm.objects.update(host=first, memory_mib=8192, vcpu=4)
    Host.objects.filter(pk=first.pk).update(vcpu_reserved=4 * COUNT, memory_reserved_mib=8192 * COUNT)
    Host.objects.filter(pk=second.pk).update(vcpu_reserved=0, memory_reserved_mib=0)
    return made


def planned(cloud: Cloud) -> list[Wanted]:
    return [Wanted(move.vm.id, move.source, move.target) for move in plan_of(cloud.cluster).moves]


def run_migrations() -> int:
    open_ = list(Operation.objects.open().filter(verb="vm.migrate"))
    for operation in open_:
        execute(operation.pk)
    return len(open_)


def outcomes(found: Rebalancing) -> list[str]:
    return list(found.batch.items.order_by("position").values_list("outcome", flat=True))


def test_a_plan_is_carried_out_and_evens_the_hosts(cloud: Cloud, vms: list[Vm], admin: Actor) -> None:
    moves = planned(cloud)
    assert len(moves) == COUNT // 2
    made = rebalance(admin, cloud.cluster, moves)
    while Rebalancing.objects.filter(pk=made.pk, finished_at=None).exists():
        carry_on_rebalancings()
        assert run_migrations() <= AT_ONCE
    assert outcomes(made) == [BatchOutcome.ACCEPTED] * 3
    assert Vm.objects.filter(host=cloud.hosts[0]).count() == Vm.objects.filter(host=cloud.hosts[1]).count()
    assert planned(cloud) == []


def test_a_few_migrations_are_open_at_a_time(
    cloud: Cloud, vms: list[Vm], admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.balancing.carrying_out.AT_ONCE", 1)
    made = rebalance(admin, cloud.cluster, planned(cloud))
    for _round in range(3):
        carry_on_rebalancings()
    assert outcomes(made) == [BatchOutcome.ACCEPTED, BatchOutcome.WAITING, BatchOutcome.WAITING]


def test_cancelling_starts_no_more_and_leaves_what_runs(
    cloud: Cloud, vms: list[Vm], admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.balancing.carrying_out.AT_ONCE", 1)
    made = rebalance(admin, cloud.cluster, planned(cloud))
    carry_on_rebalancings()
    cancel_rebalancing(admin, made)
    assert run_migrations() == 1
    carry_on_rebalancings()
    made.refresh_from_db()
    assert made.finished_at is not None
    assert outcomes(made) == [BatchOutcome.ACCEPTED, BatchOutcome.REFUSED, BatchOutcome.REFUSED]
    assert Vm.objects.filter(host=cloud.hosts[1]).count() == 1
    with pytest.raises(NotNow):
        cancel_rebalancing(admin, made)


def test_a_plan_that_does_not_hold_any_more_is_refused_whole(
    cloud: Cloud, vms: list[Vm], admin: Actor
) -> None:
    moves = planned(cloud)
    Vm.objects.filter(pk=moves[1].vm).update(host=cloud.hosts[1])
    name = Vm.objects.get(pk=moves[1].vm).name
    with pytest.raises(Refused) as refused:
        rebalance(admin, cloud.cluster, moves)
    assert refused.value.code == "balancing.plan_changed"
    assert f"VM {name} is on host {cloud.hosts[1].name} by now." in refused.value.message
    assert not Rebalancing.objects.exists()


def test_a_cluster_has_one_rebalancing_at_a_time(cloud: Cloud, vms: list[Vm], admin: Actor) -> None:
    moves = planned(cloud)
    rebalance(admin, cloud.cluster, moves[:1])
    with pytest.raises(NotNow):
        rebalance(admin, cloud.cluster, moves[1:])


def test_nothing_more_moves_once_whoever_applied_it_is_no_administrator(
    cloud: Cloud, vms: list[Vm], admin: Actor, ada: User
) -> None:
    made = rebalance(admin, cloud.cluster, planned(cloud))
    User.objects.filter(pk=ada.pk).update(is_active=False)
    carry_on_rebalancings()
    assert set(outcomes(made)) == {BatchOutcome.REFUSED}
    assert not Operation.objects.filter(verb="vm.migrate").exists()


def test_the_api_plans_applies_and_shows_progress(cloud: Cloud, vms: list[Vm], ada: User) -> None:
    api = api_client(ada)
    plan = api.get(f"/api/v1/compute-clusters/{cloud.cluster.pk}/rebalancing-plan").json()
    moves = [
        {"vm": m["vm"]["id"], "from_host": m["from_host"]["id"], "to_host": m["to_host"]["id"]}
        for m in plan["moves"]
    ]
    assert [host["after"]["memory_reserved_mib"] for host in plan["hosts"]] == [8192 * 3] * 2
    body = {"cluster": cloud.cluster.pk, "moves": moves}
    made = api.post("/api/v1/rebalancings", body, format="json")
    assert made.status_code == 201, made.json()
    assert {move["state"] for move in made.json()["moves"]} == {"waiting"}
    carry_on_rebalancings()
    seen = api.get(f"/api/v1/rebalancings/{made.json()['id']}").json()
    assert {move["state"] for move in seen["moves"]} == {"running"}
    assert api.post(f"/api/v1/rebalancings/{made.json()['id']}/cancel").status_code == 200


def test_the_pages_show_plan_progress_and_refusal(cloud: Cloud, vms: list[Vm], ada: User) -> None:
    pages: Client = page_client(ada)
    url = f"/admin/compute-clusters/{cloud.cluster.pk}/rebalance/"
    shown = pages.get(url).content.decode()
    assert "3 moves" in shown and "memory allocated 75 % against 0 %" in shown
    moves = [":".join((m.vm, m.source, m.target)) for m in planned(cloud)]
    Host.objects.filter(pk=cloud.hosts[1].pk).update(accepts_vms=False)
    refused = pages.post(url, {"move": moves})
    assert refused.status_code == 409 and "balancing.plan_changed" in refused.content.decode()
    Host.objects.update(accepts_vms=True)
    assert pages.post(url, {"move": moves}).status_code == 302
    carry_on_rebalancings()
    assert "0 of 3" in pages.get(url).content.decode()
    assert pages.post(f"{url}cancel/").status_code == 302
    tab = pages.get(f"/admin/compute-clusters/{cloud.cluster.pk}/balancing/").content.decode()
    assert "A rebalancing is running." in tab
