"""Bulk actions from lists: who is offered what, the question, each row's outcome, and nothing done twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.models import User
from apps.compute.models import Power, Vm
from apps.lifecycle import batches
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Batch, BatchItem, Operation, OperationStatus
from apps.lifecycle.tenant_texts import GENERAL_CAUSE
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

HTMX = {"HX-Request": "true"}
BULK = "/vms/bulk/"


@pytest.fixture
def vms(owner: Actor, cloud: Cloud, subnet: Subnet) -> list[Vm]:
    return [make_vm(owner, cloud, subnet, name=f"web-{number}") for number in range(3)]


def keys(vms: list[Vm]) -> list[str]:
    return [str(vm.pk) for vm in vms]


def html(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def token_of(answer: Any) -> str:
    found = re.search(r'name="token" value="([^"]+)"', answer.content.decode())
    assert found, answer.content
    return found[1]


def asked(client: Client, action: str, given: list[str], **more: Any) -> Any:
    return client.post(BULK, {"action": action, "key": given, **more})


def confirmed(client: Client, action: str, given: list[str], token: str, **more: Any) -> Any:
    return client.post(BULK, {"action": action, "key": given, "token": token, **more})


def open_verbs() -> list[str]:
    return list(Operation.objects.open().values_list("verb", flat=True))


@pytest.mark.requirement("UX-4", "VM-3")
def test_asking_changes_nothing_and_says_what_will_happen_to_each(vms: list[Vm], alice: User) -> None:
    Vm.objects.filter(pk=vms[0].pk).update(power=Power.OFF, power_seen=Power.OFF)
    question = html(asked(factories.page_client(alice), "shut-down", keys(vms)))
    assert "To be processed: 2" in question
    assert "Skipped: 1" in question
    assert "<strong>web-0</strong>" in question and "The VM is already stopped." in question
    assert question.count('name="key"') == 2
    assert open_verbs() == [] and not Batch.objects.exists()


@pytest.mark.requirement("UX-4", "VM-3")
def test_each_row_is_asked_for_by_itself_and_the_outcome_has_an_address(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    token = token_of(asked(client, "restart", keys(vms)))
    # Meanwhile somebody else is at one of them.
    client.post(f"/vms/{vms[1].pk}/shut-down/")
    answer = confirmed(client, "restart", keys(vms), token)
    assert answer["Location"] == f"/bulk/{Batch.objects.get().pk}/"
    assert open_verbs().count("vm.restart") == 2
    outcome = html(client.get(answer["Location"]))
    assert "Shutting down is still running." in outcome
    assert "Wait until it has finished" in outcome
    assert "<strong>2</strong> in progress" in outcome
    assert "<strong>1</strong> refused or failed" in outcome
    assert "Retry 1" in outcome


@pytest.mark.requirement("UX-4", "OP-5")
def test_the_same_form_sent_again_does_nothing_and_shows_the_same_outcome(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    token = token_of(asked(client, "restart", keys(vms)))
    first = confirmed(client, "restart", keys(vms), token)
    second = confirmed(client, "restart", keys(vms), token)
    assert first["Location"] == second["Location"]
    assert open_verbs() == ["vm.restart"] * 3
    assert Batch.objects.count() == 1
    assert confirmed(client, "restart", keys(vms)[:1], token).status_code == 422


@pytest.mark.requirement("SE-8", "UX-4")
@pytest.mark.parametrize("part", [True, False], ids=["in the dialog", "without JavaScript"])
def test_rows_a_request_does_not_reach_follow_with_the_same_form(
    part: bool, vms: list[Vm], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BUDGET", 0.0)
    client = factories.page_client(alice)
    sent: dict[str, Any] = {"action": "delete", "key": keys(vms), "typed": "delete 3"}
    sent["token"] = token_of(asked(client, "delete", keys(vms)))
    headers = {"HX-Request": "true"} if part else {}
    for reached in (1, 2):
        answer = client.post("/vms/bulk/", sent, headers=headers)
        assert f"{reached} of 3 requested" in html(answer)
        assert ("hx-trigger=" in html(answer)) is part
        form = html(answer).partition('action="/vms/bulk/"')[2].partition("</form>")[0]
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form)
        again = {name: [v for n, v in fields if n == name] for name, _value in fields}
        again.pop("csrfmiddlewaretoken", None)
        assert again == {name: value if isinstance(value, list) else [value] for name, value in sent.items()}
    last = client.post("/vms/bulk/", again, headers=headers)
    assert (last["HX-Redirect"] if part else last["Location"]) == f"/bulk/{Batch.objects.get().pk}/"
    assert open_verbs() == ["vm.delete"] * 3


@pytest.mark.requirement("UX-4")
def test_what_destroys_says_what_goes_and_wants_words_typed(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    answer = asked(client, "delete", keys(vms))
    question, token = html(answer), token_of(answer)
    # Once for all what is the same for all, and each one's own.
    assert question.count("security groups and SSH keys are kept") == 1
    assert (
        "web-2 stops immediately" in question and "system disk and all data on it are destroyed" in question
    )
    assert '<strong class="mono">delete 3</strong>' in question
    for typed in ("", "delete", "delete 2", "web-0"):
        wrong = confirmed(client, "delete", keys(vms), token, typed=typed)
        assert wrong.status_code == 422
    assert open_verbs() == []
    confirmed(client, "delete", keys(vms), token, typed="delete 3")
    assert open_verbs() == ["vm.delete"] * 3


@pytest.mark.requirement("UX-3", "UX-4")
def test_the_bar_judges_by_the_same_rule_as_one_row_alone(vms: list[Vm], alice: User, vera: User) -> None:
    def bar(user: User, given: list[str]) -> str:
        return html(factories.page_client(user).get(BULK, {"key": given}, headers=HTMX))

    Vm.objects.filter(pk=vms[0].pk).update(power=Power.OFF, power_seen=Power.OFF)
    running = bar(alice, keys(vms[1:]))
    assert (
        'class="btn btn-sm cannot" value="start" aria-disabled="true" title="The VM is already running."'
    ) in running
    assert 'name="action" value="shut-down"' in running
    mixed = bar(alice, keys(vms))
    assert 'name="action" value="start"' in mixed and ">1/3<" in mixed
    hers = bar(vera, keys(vms))
    assert 'name="action"' not in hers and "Your role does not allow this." in hers


@pytest.mark.requirement("UX-4")
def test_all_that_match_are_those_of_the_lists_own_filters(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    answer = client.post(BULK, {"action": "restart", "all": "1", "query": "q=web-1"})
    assert "To be processed: 1" in html(answer)
    assert f'value="{vms[1].pk}"' in html(answer)


def test_more_than_the_limit_is_refused_with_what_to_do(
    vms: list[Vm], alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST", 2)
    client = factories.page_client(alice)
    answer = client.post(BULK, {"action": "restart", "all": "1", "query": ""})
    assert answer.status_code == 422
    assert "More than 2 rows match." in html(answer) and "narrow the list" in html(answer)
    assert asked(client, "restart", keys(vms)).status_code == 422


def test_nothing_selected_or_an_action_there_is_not_is_refused(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    assert asked(client, "restart", []).status_code == 422
    assert asked(client, "explode", keys(vms)).status_code == 422
    assert asked(client, "rename", keys(vms)).status_code == 422


@pytest.mark.requirement("AC-1")
def test_another_tenants_rows_and_outcomes_are_not_there(
    vms: list[Vm], alice: User, bob: User, mia: User
) -> None:
    stranger = factories.page_client(bob)
    question = html(asked(stranger, "delete", keys(vms)))
    assert "3 were deleted." in question and "web-0" not in question
    confirmed(stranger, "delete", keys(vms), str(uuid4()), typed="delete 3")
    assert open_verbs() == []
    assert set(BatchItem.objects.values_list("outcome", flat=True)) == {"not_found"}
    owner = factories.page_client(alice)
    address = confirmed(owner, "restart", keys(vms), str(uuid4()))["Location"]
    assert stranger.get(address).status_code == 404
    assert factories.page_client(mia).get(address).status_code == 404
    assert owner.get(address).status_code == 200


@pytest.mark.requirement("UX-4")
def test_a_form_is_filled_in_once_for_all(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    answer = asked(client, "set-security-group", keys(vms))
    assert 'name="security_group"' in html(answer)
    confirmed(client, "set-security-group", keys(vms), token_of(answer), security_group="")
    assert open_verbs() == ["vm.set_security_group"] * 3


@pytest.mark.requirement("UX-4")
def test_what_failed_later_is_told_with_its_cause_and_may_be_tried_again(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    address = confirmed(client, "restart", keys(vms), str(uuid4()))["Location"]
    error = {"code": "host.gone", "message": "The host does not answer.", "hint": "Look at the host."}
    Operation.objects.filter(target_id=vms[0].pk).update(status=OperationStatus.FAILED, error=error)
    outcome = html(client.get(address))
    assert GENERAL_CAUSE.message in outcome and "Look at the host." not in outcome
    again = asked(client, "restart", re.findall(r'name="key" value="([^"]+)"', outcome))
    assert "To be processed: 1" in html(again)


@pytest.mark.requirement("UX-4")
def test_outcomes_and_questions_cost_the_same_few_queries_for_any_number(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)

    def cost(ask: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ask().status_code == 200
        return len(queries)

    client.get("/vms/")  # what is read once per process or login
    costs = []
    for given in (keys(vms)[:1], keys(vms)):
        question = cost(lambda: asked(client, "delete", given))  # noqa: B023
        bar = cost(lambda: client.get(BULK, {"key": given}, headers=HTMX))  # noqa: B023
        address = confirmed(client, "restart", given, str(uuid4()))["Location"]
        Operation.objects.update(status=OperationStatus.DONE)
        costs.append((question, bar, cost(lambda: client.get(address))))  # noqa: B023
    assert costs[0] == costs[1]
    assert max(costs[0]) <= 14


def test_tasks_not_begun_are_cancelled_in_bulk(vms: list[Vm], alice: User) -> None:
    client = factories.page_client(alice)
    confirmed(client, "restart", keys(vms), str(uuid4()))
    tasks = [str(pk) for pk in Operation.objects.open().values_list("pk", flat=True)]
    client.post("/operations/bulk/", {"action": "cancel", "key": tasks, "token": str(uuid4())})
    assert open_verbs() == []


@pytest.mark.requirement("UX-3")
def test_menus_are_in_parts_with_headings(vms: list[Vm], alice: User) -> None:
    menu = html(factories.page_client(alice).get(f"/vms/{vms[0].pk}/menu/"))
    parts = re.findall(r'role="group" aria-label="([^"]+)"', menu)
    assert parts == ["Operate", "Configure", "Danger zone"]
    assert menu.index("Danger zone") < menu.index("Delete")


def test_a_list_has_a_box_for_each_row_where_the_kind_has_actions_for_many(
    vms: list[Vm], alice: User
) -> None:
    client = factories.page_client(alice)
    page = html(client.get("/vms/"))
    assert page.count('form="bulk"') == 3
    assert 'aria-label="Select web-2"' in page
    assert 'form="bulk"' not in html(client.get("/audit/"))
    # The address by itself leads to the list.
    assert client.get(BULK)["Location"] == "/vms/"
