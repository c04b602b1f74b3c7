"""Tickets over the API and on the page, to the operation and back."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from apps.accounts.models import Project, User
from apps.compute.models import Power, Vm
from apps.console.models import ConsoleTicket
from apps.lifecycle.models import Operation
from tests import factories
from tests.console.factories import make_vm, ready_ticket

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("VN-1")]


@pytest.fixture
def vm(project_a: Project) -> Vm:
    return make_vm(project_a)


def opened(client: APIClient | Client, vm: Vm, kind: str = "browser") -> ConsoleTicket:
    """Ask for a ticket over the API and open its screen as the worker does."""
    answer = client.post(f"/api/v1/vms/{vm.pk}/console", {"kind": kind}, content_type="application/json")
    assert answer.status_code == 202, answer.content
    ticket = ConsoleTicket.objects.get(pk=answer.json()["ticket"]["id"])
    ConsoleTicket.objects.filter(pk=ticket.pk).update(opened_at=ticket.created_at, host="h", port=1)
    return ticket


def api(user: User, scope: str = "write") -> APIClient:
    client = factories.api_client(user, scope)
    client.default_format = "json"
    return client


def test_a_ticket_is_asked_for_followed_and_collected_once(otto: User, vm: Vm, settings: Settings) -> None:
    settings.CONSOLE_PROXY_PORT = 0
    client = api(otto)
    answer = client.post(f"/api/v1/vms/{vm.pk}/console", {}, format="json")
    assert answer.status_code == 202
    ticket, operation = answer.json()["ticket"], answer.json()["operation"]
    assert (ticket["state"], ticket["kind"], operation["verb"]) == ("opening", "browser", "vm.console")
    url = answer.headers["Location"]
    assert client.get(url).json() == ticket
    early = client.post(f"{url}/credentials")
    assert (early.status_code, early.json()["code"]) == (409, "console.not_ready")

    ConsoleTicket.objects.update(opened_at=ConsoleTicket.objects.get().created_at)
    assert client.get(url).json()["state"] == "ready"
    given = client.post(f"{url}/credentials")
    assert given.status_code == 200
    assert given.headers["Cache-Control"] == "no-store"
    assert given.json()["websocket"].startswith("ws://testserver/console-proxy/?token=")
    assert given.json()["password"] is None
    again = client.post(f"{url}/credentials")
    assert (again.status_code, again.json()["code"]) == (409, "console.already_issued")


def test_the_websocket_stands_at_the_proxys_own_port_if_it_has_one(
    otto: User, vm: Vm, settings: Settings
) -> None:
    settings.CONSOLE_PROXY_PORT = 6080
    client = api(otto)
    ticket = ready_ticket(otto, vm)
    ConsoleTicket.objects.update(api_key=otto.api_keys.get())
    given = client.post(f"/api/v1/console-tickets/{ticket.pk}/credentials").json()
    assert given["websocket"].startswith("ws://testserver:6080/console-proxy/?token=")


@pytest.mark.requirement("SE-4")
def test_credentials_are_not_kept_for_an_idempotency_key(otto: User, vm: Vm) -> None:
    client = factories.page_client(otto)
    ticket = opened(client, vm)
    again = {"headers": {"Idempotency-Key": "again"}, "content_type": "application/json"}
    url = f"/api/v1/console-tickets/{ticket.pk}/credentials"
    assert client.post(url, **again).status_code == 200
    assert client.post(url, **again).status_code == 409


@pytest.mark.requirement("SE-1")
def test_strangers_learn_nothing(bob: User, otto: User, vm: Vm) -> None:
    ticket = ready_ticket(otto, vm)
    stranger = api(bob)
    assert stranger.post(f"/api/v1/vms/{vm.pk}/console", {}, format="json").status_code == 404
    for method, path in (("get", ""), ("post", "/credentials")):
        for pk in (ticket.pk, uuid4()):
            assert getattr(stranger, method)(f"/api/v1/console-tickets/{pk}{path}").status_code == 404
    assert stranger.get("/api/v1/console-tickets").json()["results"] == []


def test_viewers_and_read_only_keys_are_refused(vera: User, otto: User, vm: Vm) -> None:
    for client in (api(vera), api(otto, "read")):
        assert client.post(f"/api/v1/vms/{vm.pk}/console", {}, format="json").status_code == 403
    assert not Operation.objects.exists()


def test_a_key_does_not_collect_what_a_session_asked_for(otto: User, vm: Vm) -> None:
    ticket = opened(factories.page_client(otto), vm)
    assert api(otto).post(f"/api/v1/console-tickets/{ticket.pk}/credentials").status_code == 404


def test_a_stopped_vm_is_refused_with_the_reason(otto: User, project_a: Project) -> None:
    stopped = make_vm(project_a, power=Power.OFF)
    answer = api(otto).post(f"/api/v1/vms/{stopped.pk}/console", {}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "state.not_allowed")
    actions = {a["action"]: a for a in api(otto).get(f"/api/v1/vms/{stopped.pk}").json()["allowed_actions"]}
    assert not actions["console"]["allowed"]
    assert actions["console"]["reason"]


@pytest.mark.requirement("SE-5")
def test_the_page_may_connect_to_the_proxy_and_nowhere_else(otto: User, vm: Vm, settings: Settings) -> None:
    settings.CONSOLE_PROXY_PORT = 6080
    answer = factories.page_client(otto).get(f"/vms/{vm.pk}/console/")
    assert answer.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["connect-src"] == "'self' ws://testserver:6080"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.requirement("SE-1")
def test_the_page_is_shown_to_who_may_operate_the_vm(
    otto: User, vera: User, bob: User, ada: User, vm: Vm
) -> None:
    path = f"/vms/{vm.pk}/console/"
    assert factories.page_client().get(path).status_code == 302
    assert factories.page_client(vera).get(path).status_code == 403
    assert factories.page_client(bob).get(path).status_code == 404
    assert factories.page_client(ada).get(f"/admin{path}").status_code == 403
    assert vm.tenant is not None
    assert factories.acting_client(ada, vm.tenant).get(path).status_code == 200


def test_opening_the_page_changes_nothing(otto: User, vm: Vm) -> None:
    factories.page_client(otto).get(f"/vms/{vm.pk}/console/")
    assert not ConsoleTicket.objects.exists()
    assert not Operation.objects.exists()
