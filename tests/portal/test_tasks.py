"""The task centre: what was requested, how it goes, why it failed, what can be done about it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.compute.models import Power, Vm
from apps.compute.services.power import shut_down_vm, start_vm
from apps.console.services import open_console
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, OperationStatus, State
from apps.lifecycle.models.operation import Stopping
from apps.lifecycle.tenant_texts import CAUSES
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, ask_for_vms, make_vm

HTMX = {"HX-Request": "true"}
FAILED = {
    "code": "hypervisor.unreachable",
    "message": "The host does not answer.",
    "hint": "Check that it is up.",
}


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet, name="web-1")


def settle(operation: Operation, status: str, **columns: Any) -> Operation:
    """Have an operation end as told, now."""
    known = {"operation": str(operation.pk), "verb": operation.verb}
    error = {**FAILED, **known} if status == OperationStatus.FAILED else {}
    now = timezone.now()
    Operation.objects.filter(pk=operation.pk).update(status=status, finished_at=now, error=error, **columns)
    if error:
        Vm.objects.filter(pk=operation.target_id).update(error=error)
    operation.refresh_from_db()
    return operation


def html(user: User, path: str, **headers: str) -> str:
    answer = factories.page_client(user).get(path, headers=headers or None)
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.mark.requirement("OP-4")
def test_a_failed_task_says_cause_code_request_next_step_and_offers_the_same_verb(
    vm: Vm, owner: Actor, alice: User, vera: User
) -> None:
    Vm.objects.update(power_seen=Power.OFF)
    operation = settle(start_vm(owner, vm), OperationStatus.FAILED)
    shown = html(alice, f"/operations/{operation.pk}/")
    said = CAUSES[FAILED["code"]]
    leads = (f'href="/vms/{vm.pk}/"', f'action="/vms/{vm.pk}/start/"')
    for text in (FAILED["code"], said.message, "Retry later.", "test-request", *leads):
        assert text in shown, text
    # Who may only look sees why there is nothing to press.
    assert "Your role does not allow this." in html(vera, f"/operations/{operation.pk}/")


@pytest.mark.requirement("OP-4")
def test_trying_again_from_the_task_really_does_it(vm: Vm, owner: Actor, alice: User) -> None:
    Vm.objects.update(power_seen=Power.OFF)
    settle(start_vm(owner, vm), OperationStatus.FAILED)
    factories.page_client(alice).post(f"/vms/{vm.pk}/start/")
    assert Operation.objects.open().get().verb == "vm.start"


@pytest.mark.requirement("OP-4")
def test_what_was_not_created_is_offered_the_kinds_own_retry(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    (operation,) = ask_for_vms(owner, cloud, subnet)
    settle(operation, OperationStatus.FAILED)
    Vm.objects.update(state=State.ERROR)
    assert f'action="/vms/{operation.target_id}/retry/"' in html(alice, f"/operations/{operation.pk}/")


@pytest.mark.requirement("OP-4")
def test_a_failure_that_something_later_has_settled_offers_nothing(vm: Vm, owner: Actor, alice: User) -> None:
    Vm.objects.update(power_seen=Power.OFF)
    first = settle(start_vm(owner, vm), OperationStatus.FAILED)
    settle(start_vm(owner, vm), OperationStatus.DONE)
    shown = html(alice, f"/operations/{first.pk}/")
    assert "The resource has changed since." in shown
    assert f'action="/vms/{vm.pk}/start/"' not in shown


@pytest.mark.requirement("OP-4")
def test_steps_show_time_duration_and_attempt(vm: Vm, alice: User, owner: Actor) -> None:
    operation = vm.operations.get()
    at = timezone.now() - timedelta(minutes=1)
    steps = [
        {"at": at.isoformat(), "text": "Cloning", "attempt": 1},
        {"at": (at + timedelta(seconds=3)).isoformat(), "text": "No answer", "failed": True, "attempt": 1},
        {"at": (at + timedelta(seconds=5)).isoformat(), "text": "Cloning", "attempt": 2},
    ]
    Operation.objects.filter(pk=operation.pk).update(steps=steps, attempt=2)
    shown = html(alice, f"/operations/{operation.pk}/")
    assert ("Attempt 2" in shown, "3.0 s" in shown, "step-failed" in shown) == (True, True, True)


@pytest.mark.requirement("OP-4")
def test_what_was_asked_for_together_stands_together(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    first, second, third = ask_for_vms(owner, cloud, subnet, count=3)
    shown = html(alice, f"/operations/{first.pk}/")
    assert f'href="/operations/{second.pk}/"' in shown
    assert f'href="/operations/{third.pk}/"' in shown


@pytest.mark.requirement("OP-4")
def test_sorted_by_status_the_newest_failed_task_is_first(
    owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    by_name: dict[str, Operation] = {}
    for name, status in (("one", "failed"), ("two", "done"), ("three", "failed"), ("four", "queued")):
        (by_name[name],) = ask_for_vms(owner, cloud, subnet, name=name)
        if status != "queued":
            settle(by_name[name], status)
    # Of the two that failed the one with the larger key is newer, so that the order by key is the wrong one.
    older, newer = sorted(("one", "three"), key=lambda name: by_name[name].pk)
    hour_ago = Operation.objects.filter(pk=by_name[older].pk)
    hour_ago.update(created_at=timezone.now() - timedelta(hours=1))

    def listed(query: str) -> list[str]:
        rows = factories.page_client(alice).get(f"/operations/?{query}").context["rows"]
        return [Operation.objects.get(pk=row.key).target_name for row in rows]

    assert listed("sort=status") == [newer, older, "four", "two"]
    assert listed("sort=-status") == ["two", "four", newer, older]
    narrowed = factories.page_client(alice).get("/operations/?status=queued&status=running").context["rows"]
    assert len(narrowed) == 1


@pytest.mark.requirement("OP-4")
def test_the_top_bar_counts_ones_own_tasks_under_way_and_newly_failed(
    vm: Vm, owner: Actor, alice: User, mia: User
) -> None:
    failed = settle(shut_down_vm(owner, vm), OperationStatus.FAILED)
    start = Operation.objects.get(pk=failed.pk)
    start.pk, start.status, start.sequence = None, OperationStatus.RUNNING, failed.sequence + 1000
    start.finished_at = None
    start.save(force_insert=True)
    client = factories.page_client(alice)
    badge = client.get("/operations/own/?badge=1", headers=HTMX).content.decode()
    assert ("1 in progress" in badge, "1 failed" in badge) == (True, True)
    listed = client.get("/operations/own/", headers=HTMX).content.decode()
    assert f'href="/operations/{failed.pk}/"' in listed
    assert CAUSES["hypervisor.unreachable"].message in listed
    client.cookies["tasks_shown"] = shown_until(listed)
    assert (
        "failed"
        not in client.get("/operations/own/?badge=1", headers=HTMX).content.decode().split("hidden")[-1]
    )
    # They are nobody else's.
    hers = factories.page_client(mia).get("/operations/own/?badge=1", headers=HTMX).content.decode()
    assert "in progress" not in hers


def shown_until(listed: str) -> str:
    """Return what the browser keeps once it has shown the list."""
    found = re.search(r'data-shown-until="(\d+)"', listed)
    return found[1] if found else ""


def failures(client: Client) -> int:
    """Return the failures that the badge counts."""
    html = client.get("/operations/own/?badge=1", headers=HTMX).content.decode()
    found = re.search(r"(\d+) failed", html)
    return int(found[1]) if found else 0


def ended(vm: Vm, owner: Actor, status: str, ago: timedelta) -> Operation:
    """Return an operation that was requested and ended so long ago."""
    operation = settle(shut_down_vm(owner, vm), status)
    at = timezone.now() - ago
    Operation.objects.filter(pk=operation.pk).update(created_at=at, finished_at=at)
    operation.refresh_from_db()
    return operation


@pytest.mark.requirement("OP-4")
def test_new_failures_come_first_however_many_tasks_followed_and_only_those_shown_are_cleared(
    vm: Vm, owner: Actor, alice: User
) -> None:
    Operation.objects.all().delete()
    failed = ended(vm, owner, OperationStatus.FAILED, timedelta(hours=2))
    for minutes in range(12):
        ended(vm, owner, OperationStatus.DONE, timedelta(minutes=minutes))
    client = factories.page_client(alice)
    listed = client.get("/operations/own/", headers=HTMX).content.decode()
    links = re.findall(r'href="/operations/([0-9a-f-]{36})/"', listed)
    assert links[0] == str(failed.pk)
    assert len(links) == 11
    # Another one fails while the list is open: it was not shown.
    ended(vm, owner, OperationStatus.FAILED, timedelta(minutes=1))
    assert failures(client) == 2
    client.cookies["tasks_shown"] = shown_until(listed)
    assert failures(client) == 1


@pytest.mark.requirement("OP-4")
def test_more_failures_than_the_list_shows_stay_news(
    vm: Vm, owner: Actor, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.portal.own_tasks.MOST_NEWS", 2)
    for minutes in (1, 2, 3):
        ended(vm, owner, OperationStatus.FAILED, timedelta(minutes=minutes))
    client = factories.page_client(alice)
    listed = client.get("/operations/own/", headers=HTMX).content.decode()
    client.cookies["tasks_shown"] = shown_until(listed)
    assert failures(client) == 1


@pytest.mark.requirement("OP-4")
@pytest.mark.requirement("VN-1")
def test_opening_a_console_is_no_task_but_stands_in_the_operation_log(
    vm: Vm, owner: Actor, alice: User
) -> None:
    before = len(factories.page_client(alice).get("/operations/").context["rows"])
    ticket = open_console(owner, vm)
    assert ticket.operation is not None
    client = factories.page_client(alice)
    assert "in progress" not in client.get("/operations/own/?badge=1", headers=HTMX).content.decode()
    settle(ticket.operation, OperationStatus.FAILED)
    assert failures(client) == 0
    assert len(client.get("/operations/").context["rows"]) == before
    for path in ("/operations/own/", "/"):
        assert str(ticket.operation.pk) not in client.get(path, headers=HTMX).content.decode()
    assert "Console" in html(alice, "/audit/")
    assert "vm.console" not in html(alice, "/operations/?control=verb", **HTMX)


@pytest.mark.parametrize("cookie", ["", "abc", "-1", "9" * 40, "1e9"])
def test_an_odd_cookie_breaks_nothing(alice: User, cookie: str) -> None:
    client = factories.page_client(alice)
    client.cookies["tasks_shown"] = cookie
    assert client.get("/operations/own/?badge=1", headers=HTMX).status_code == 200


@pytest.mark.requirement("OP-4")
def test_pages_and_api_cancel_by_the_same_rule(
    vm: Vm, owner: Actor, alice: User, cloud: Cloud, subnet: Subnet
) -> None:
    waiting, running = ask_for_vms(owner, cloud, subnet, count=2)
    Operation.objects.filter(pk=running.pk).update(
        status=OperationStatus.RUNNING, attempt=1, stopping=Stopping.TOO_LATE
    )
    api = factories.api_client(alice)
    told = {pk: api.get(f"/api/v1/operations/{pk}").json()["cancellable"] for pk in (waiting.pk, running.pk)}
    assert told == {waiting.pk: True, running.pk: False}
    shown = html(alice, f"/operations/{running.pk}/")
    assert "Too late to cancel: the current step cannot be undone." in shown
    assert factories.page_client(alice).post(f"/operations/{running.pk}/cancel/").status_code == 409
    assert factories.page_client(alice).post(f"/operations/{waiting.pk}/cancel/").status_code == 302
    waiting.refresh_from_db()
    assert waiting.status == OperationStatus.CANCELLED


@pytest.mark.requirement("UX-12")
def test_tabs_of_the_task_list_narrow_it_and_none_only_sorts(alice: User) -> None:
    page = factories.page_client(alice).get("/operations/").context["page"]
    queries = {str(tab.label): tab.link for tab in page.view_tabs.tabs}
    assert list(queries) == ["All", "In progress", "Failed"]
    status = next(column for column in page.columns if column.name == "status")
    assert page.order_by.link(status) == "?sort=status"
