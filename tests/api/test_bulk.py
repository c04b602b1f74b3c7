"""POST …/bulk: one action on many rows, an answer for each."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.audit.models import DONE, AuditEntry
from apps.compute.models import Vm
from apps.compute.verbs import VM_START
from apps.lifecycle import batches
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Batch, Operation
from apps.lifecycle.models.batch import BatchOutcome
from apps.network.models import Subnet
from tests import factories
from tests.bench.test_lists import insert_vms
from tests.compute.factories import Cloud, make_vm

PATH = "/api/v1/vms/bulk"


@pytest.fixture
def vms(owner: Actor, cloud: Cloud, subnet: Subnet) -> list[Vm]:
    return [make_vm(owner, cloud, subnet, name=f"web-{number}") for number in range(3)]


def post(user: User, action: str, ids: list[Any], key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    given = {"action": action, "ids": [str(each) for each in ids], **body}
    return factories.session_client(user).post(PATH, given, format="json", headers=headers)


def statuses(answer: Any) -> list[str]:
    assert answer.status_code == 207, answer.content
    return [item["status"] for item in answer.json()["results"]]


def open_verbs() -> list[str]:
    return list(Operation.objects.open().values_list("verb", flat=True))


@pytest.mark.requirement("UX-4", "VM-3")
def test_each_row_gets_its_own_answer_and_a_refusal_undoes_no_other(vms: list[Vm], alice: User) -> None:
    first, second, third = vms
    post(alice, "restart", [second.pk])
    answer = post(alice, "shut-down", [first.pk, second.pk, third.pk])
    assert statuses(answer) == ["accepted", "refused", "accepted"]
    items = answer.json()["results"]
    assert [item["id"] for item in items] == [str(vm.pk) for vm in vms]
    refused = items[1]["error"]
    assert (refused["code"], refused["title"]) == ("operation.busy", "Restarting is still running.")
    assert refused["hint"]
    assert Operation.objects.get(pk=items[0]["operation"]).target_id == first.pk
    assert sorted(open_verbs()) == ["vm.restart", "vm.shut_down", "vm.shut_down"]


@pytest.mark.requirement("VM-3")
@pytest.mark.parametrize("action", ["delete", "power_off", "power-off"])
def test_destructive_actions_are_there_too(action: str, vms: list[Vm], alice: User) -> None:
    assert statuses(post(alice, action, [vm.pk for vm in vms])) == ["accepted"] * 3


@pytest.mark.requirement("AC-1")
def test_what_is_another_tenants_is_not_found_like_what_is_not_there(vms: list[Vm], bob: User) -> None:
    answer = post(bob, "delete", [vms[0].pk, uuid4(), "no-id"])
    assert statuses(answer) == ["not_found"] * 3
    assert len({item["error"]["title"] for item in answer.json()["results"]}) == 1
    assert "web-0" not in answer.content.decode()
    assert open_verbs() == []


@pytest.mark.requirement("SE-1")
@pytest.mark.requirement("SE-8")
def test_a_role_that_may_nowhere_is_refused_once_and_the_attempt_is_kept(vms: list[Vm], vera: User) -> None:
    """However many are named: 500 refusals of their own took ten seconds of processor."""
    answer = post(vera, "delete", [vm.pk for vm in vms])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    tried = AuditEntry.objects.filter(user=vera, verb="vm.delete").exclude(outcome=DONE)
    assert tried.count() == 1 and not Batch.objects.exists()
    assert open_verbs() == []


@pytest.mark.requirement("OP-5")
def test_the_same_key_does_nothing_twice_and_brings_the_same_answer(vms: list[Vm], alice: User) -> None:
    ids = [vm.pk for vm in vms]
    first, second = post(alice, "restart", ids, key="k"), post(alice, "restart", ids, key="k")
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert len(open_verbs()) == 3
    other = post(alice, "restart", ids[:1], key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.mismatch")


@pytest.mark.requirement("OP-5")
def test_what_a_dying_process_left_waiting_is_taken_up_when_the_request_comes_again(
    vms: list[Vm], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [vm.pk for vm in vms]
    carry_out, reached = batches._carry_out, []

    def dies_at_the_second(item: Any, *rest: Any) -> None:
        reached.append(item)
        if len(reached) == 2:
            raise SystemExit
        carry_out(item, *rest)

    monkeypatch.setattr(batches, "_carry_out", dies_at_the_second)
    with pytest.raises(SystemExit):
        post(alice, "restart", ids, key="k")
    assert len(open_verbs()) == 1
    assert statuses(post(alice, "restart", ids, key="k")) == ["accepted"] * 3
    assert len(open_verbs()) == 3


@pytest.mark.requirement("SE-8")
def test_what_a_request_does_not_reach_waits_for_the_next_and_is_done_once(
    vms: list[Vm], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BUDGET", 0.0)
    ids = [vm.pk for vm in vms]
    seen = [statuses(post(alice, "restart", ids, key="k")) for _ in range(4)]
    assert [each.count("accepted") for each in seen] == [1, 2, 3, 3]
    assert seen[0] == ["accepted", "waiting", "waiting"]
    assert open_verbs() == ["vm.restart"] * 3


@pytest.mark.requirement("SE-8")
def test_the_most_rows_cost_no_request_a_second(
    owner: Actor, cloud: Cloud, subnet: Subnet, alice: User
) -> None:
    assert owner.tenant is not None
    insert_vms(owner.tenant, batches.MOST, subnet, cloud.hosts[0], cloud.image, cloud.small)
    ids = list(Vm.objects.values_list("pk", flat=True))
    costs, accepted = [], [0]
    for _ in range(4):
        began = time.process_time()
        answer = post(alice, "restart", ids, key="k")
        costs.append(time.process_time() - began)
        accepted.append(statuses(answer).count("accepted"))
        assert accepted[-1] > accepted[-2], "no row was reached"
    assert max(costs) < 1.0, (costs, accepted)


def test_a_bug_in_one_item_stops_no_other(
    vms: list[Vm], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The world is broken for one VM only: its row has lost what the service reads.
    Vm.objects.filter(pk=vms[0].pk).update(boot=2**31 - 1)
    answer = post(alice, "restart", [vm.pk for vm in vms])
    assert statuses(answer) == ["refused", "accepted", "accepted"]
    assert answer.json()["results"][0]["error"]["code"] == "platform.bug"


def test_the_actions_own_body_is_checked_and_given_to_all(vms: list[Vm], alice: User) -> None:
    ids = [vm.pk for vm in vms]
    assert statuses(post(alice, "set-security-group", ids, security_group=None)) == ["accepted"] * 3
    wrong = post(alice, "set-security-group", ids, security_group="nonsense")
    assert wrong.status_code == 422 or wrong.status_code == 400
    assert wrong.json()["errors"][0]["field"] == "security_group"


def test_an_unknown_action_or_no_ids_is_refused_as_a_whole(vms: list[Vm], alice: User) -> None:
    unknown = post(alice, "explode", [vms[0].pk])
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "action")
    assert "start" in unknown.json()["errors"][0]["message"]
    assert post(alice, "start", []).status_code >= 400
    assert post(alice, "start", [uuid4() for _ in range(batches.MOST + 1)]).status_code >= 400


def test_an_action_that_answers_with_a_secret_is_for_one_at_a_time(alice: User, mia: User) -> None:
    client = factories.api_client(alice)
    body = {"action": "reset-password", "ids": [str(mia.uid)]}
    assert client.post("/api/v1/members/bulk", body, format="json").status_code == 422


def test_what_is_no_resource_is_done_at_once(alice: User, mia: User, vera: User) -> None:
    body = {"action": "deactivate", "ids": [str(mia.uid), str(vera.uid)]}
    answer = factories.session_client(alice).post("/api/v1/members/bulk", body, format="json")
    assert statuses(answer) == ["done", "done"]
    assert set(User.objects.filter(is_active=False)) == {mia, vera}


def test_an_id_given_twice_is_asked_for_once(vms: list[Vm], alice: User) -> None:
    answer = post(alice, "restart", [vms[0].pk, vms[0].pk])
    assert statuses(answer) == ["accepted"]


def test_each_further_row_costs_the_same_few_queries(vms: list[Vm], alice: User) -> None:
    counts = []
    for ids in ([vms[0].pk], [vms[1].pk, vms[2].pk]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert set(statuses(post(alice, "restart", ids))) == {"accepted"}
        counts.append(len(queries))
    assert counts[1] - counts[0] <= 14


@pytest.mark.requirement("SE-8")
def test_what_is_not_found_costs_the_same_however_much_it_is(vms: list[Vm], alice: User) -> None:
    """Anybody can name 500 rows that are not there: each took three queries of its own, and a line of the log."""
    costs = []
    for count in (5, 500):
        client = factories.session_client(alice)
        given = {"action": "restart", "ids": [str(uuid4()) for _ in range(count)]}
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(PATH, given, format="json")
        assert statuses(answer) == ["not_found"] * count
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 40
    assert AuditEntry.objects.filter(verb="vm.restart", outcome="not_found").count() == 505


def test_outcomes_are_forgotten_after_a_month(vms: list[Vm], alice: User) -> None:
    batch = UUID(post(alice, "restart", [vms[0].pk]).json()["id"])
    assert batches.forget_old() == 0
    Batch.objects.filter(pk=batch).update(created_at="2020-01-01T00:00:00Z")
    batches.forget_old()
    assert not Batch.objects.exists()


@pytest.mark.requirement("OP-5")
def test_a_row_that_the_same_request_has_answered_meanwhile_is_not_carried_out_again(
    owner: Actor, vms: list[Vm]
) -> None:
    targets = [(str(vm.pk), vm.name) for vm in vms[:2]]
    batch, _is_new = batches.open_batch(owner, "vm", VM_START, targets, {})
    carried_out = []

    def act(vm: Vm) -> None:
        carried_out.append(vm.pk)
        batch.items.filter(target=str(vms[1].pk)).update(outcome=BatchOutcome.DONE)

    waiting = batches.carry_out(owner, batch, {str(vm.pk): vm for vm in vms}, act)
    assert (carried_out, waiting) == ([vms[0].pk], 0)
