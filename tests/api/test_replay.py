"""OP-5, SE-1: a repeated request is answered again only to who sent it, and may still do it."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Project, Role, User
from apps.accounts.recent_proof import PROVED_AT
from apps.network.models import Vpc
from apps.tenancy.services.members import set_role
from tests import factories
from tests.factories import actor_for_user

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("OP-5"), pytest.mark.requirement("SE-1")]

BODY = {"name": "net", "cidr": "10.0.0.0/16"}


@pytest.fixture(autouse=True)
def region(db: None) -> None:
    factories.make_region("here")


def with_key(user: User, scope: str = "write") -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_key(user, 'program', scope, None)[1]}")
    return client


def post(client: APIClient, path: str = "/api/v1/vpcs", body: Any = BODY, key: str = "once") -> Any:
    return client.post(path, body, format="json", headers={"Idempotency-Key": key})


def test_who_has_lost_the_role_is_not_answered_again(alice: User, mia: User, project_a: Project) -> None:
    program = with_key(mia)
    body = {**BODY, "project": str(project_a.uid)}
    assert post(program, body=body).status_code == 202
    assert post(program, body=body)["Idempotency-Replayed"] == "true"
    for role in (Role.OPERATOR, None):
        set_role(actor_for_user(alice), mia, project_a, role)
        assert post(program, body=body).status_code == 403, role
    assert Vpc.objects.count() == 1


def test_a_key_whose_scope_was_narrowed_is_not_answered_again(alice: User) -> None:
    program = with_key(alice)
    assert post(program).status_code == 202
    ApiKey.objects.update(scope="operate")
    assert post(program).status_code == 403


def test_who_must_choose_a_password_first_is_not_answered_again(alice: User) -> None:
    program, browser = with_key(alice), factories.session_client(alice)
    assert post(program).status_code == post(browser).status_code == 202
    User.objects.filter(pk=alice.pk).update(must_change_password=True)
    assert [post(program).status_code, post(browser).status_code] == [403, 403]


def test_one_key_is_not_answered_what_another_was(alice: User) -> None:
    first, second = post(with_key(alice)), post(with_key(alice))
    session = post(factories.session_client(alice))
    assert [answer.status_code for answer in (first, second, session)] == [202, 202, 202]
    assert not any(answer.has_header("Idempotency-Replayed") for answer in (second, session))
    assert Vpc.objects.count() == 3


def test_what_needs_a_proof_is_not_answered_again_without_it(alice: User) -> None:
    browser, body = factories.session_client(alice), {"name": "ci", "scope": "read"}
    assert post(browser, "/api/v1/api-keys", body).status_code == 201
    session = factories.page_client(alice).session
    store = type(session)(browser.cookies["sessionid"].value)
    store[PROVED_AT] = 0
    store.save()
    again = post(browser, "/api/v1/api-keys", body)
    assert (again.status_code, again.json()["code"]) == (403, "login.not_recent")


def test_an_action_is_not_answered_again_to_who_may_do_it_no_more(
    alice: User, otto: User, project_a: Project
) -> None:
    from tests.console.factories import make_vm

    vm, program = make_vm(project_a), with_key(otto, "operate")
    path = f"/api/v1/vms/{vm.pk}/console"
    assert post(program, path, {"kind": "browser"}).status_code == 202
    set_role(actor_for_user(alice), otto, project_a, Role.VIEWER)
    assert post(program, path, {"kind": "browser"}).status_code == 403
    set_role(actor_for_user(alice), otto, project_a, None)
    assert post(program, path, {"kind": "browser"}).status_code == 404


def test_outcomes_of_many_are_told_again_as_far_as_they_may_be_known(
    alice: User, mia: User, project_a: Project
) -> None:
    other = factories.make_project(project_a.tenant, "other")
    factories.grant(mia, Role.MANAGER, other)
    # Elsewhere the action stays allowed: a role that allows it nowhere has the whole request refused.
    elsewhere = factories.make_project(project_a.tenant, "elsewhere")
    factories.grant(mia, Role.MANAGER, elsewhere)
    from tests.console.factories import make_vm

    here, there = make_vm(project_a), make_vm(other)
    program, body = with_key(mia), {"action": "restart", "ids": [str(here.pk), str(there.pk)]}
    first = post(program, "/api/v1/vms/bulk", body).json()
    assert [item["status"] for item in first["results"]] == ["accepted", "accepted"]
    set_role(actor_for_user(alice), mia, project_a, Role.VIEWER)
    set_role(actor_for_user(alice), mia, other, None)
    again = post(program, "/api/v1/vms/bulk", body).json()
    assert [item["status"] for item in again["results"]] == ["refused", "not_found"]
    assert [item["operation"] for item in again["results"]] == [None, None]
    assert post(with_key(mia), "/api/v1/vms/bulk", body).json()["id"] != first["id"]
    set_role(actor_for_user(alice), mia, elsewhere, None)
    assert post(program, "/api/v1/vms/bulk", body).status_code == 403
