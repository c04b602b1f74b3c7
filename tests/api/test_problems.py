"""Every error is application/problem+json with cause, code, field and the request's id."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == answer["X-Request-Id"]
    assert body["title"]
    return body


def test_without_a_key_the_answer_is_401(db: None) -> None:
    problem(factories.api_client().get("/api/v1/vms"), 401, "not_authenticated")


def test_an_unknown_row_and_an_unknown_path_are_404(alice: User) -> None:
    client = factories.api_client(alice)
    problem(client.get("/api/v1/vms/00000000-0000-4000-8000-000000000000"), 404, "not_found")
    problem(client.get("/api/v1/nothing/here"), 404, "not_found")


def test_a_method_that_is_not_there_is_405(alice: User) -> None:
    problem(factories.api_client(alice).delete("/api/v1/operations"), 405, "method_not_allowed")


def test_a_body_that_is_no_json_is_400(alice: User) -> None:
    answer = factories.api_client(alice).post("/api/v1/vms", data="{", content_type="application/json")
    problem(answer, 400, "parse_error")


def test_a_missing_field_is_named(alice: User) -> None:
    body = problem(factories.api_client(alice).post("/api/v1/vms", {}, format="json"), 400, "invalid")
    assert {"field": "name", "message": "Required."} in body["errors"]


@pytest.mark.requirement("OP-4")
def test_a_refusal_has_cause_and_code(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    vm = make_vm(owner, cloud, subnet)
    body = problem(factories.api_client(alice).post(f"/api/v1/vms/{vm.pk}/start"), 409, "state.not_allowed")
    assert body["title"] == "The VM is already running."


def test_a_bug_is_a_problem_too(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("apps.compute.selectors.visible_vms", broken)
    client = factories.api_client(alice)
    client.raise_request_exception = False
    body = problem(client.get("/api/v1/vms"), 500, "platform.bug")
    assert "ZeroDivision" not in str(body)


@pytest.mark.requirement("SE-5")
def test_a_session_must_send_its_csrf_token(owner: Actor, alice: User, cloud: Cloud, subnet: Subnet) -> None:
    vm = make_vm(owner, cloud, subnet)
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    problem(client.post(f"/api/v1/vms/{vm.pk}/shut-down"), 403, "permission_denied")
