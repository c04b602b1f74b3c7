"""Attempts that were refused are in the log, too."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.audit.models import AuditEntry
from apps.lifecycle.models import Operation
from tests.factories import api_client, make_project, page_client, session_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-3")]


def _refusals() -> list[tuple[str, str, str, Tenant | None]]:
    entries = AuditEntry.objects.exclude(outcome="done").select_related("tenant").order_by("pk")
    return [(e.actor_name, e.verb, e.outcome, e.tenant) for e in entries]


def test_what_a_role_does_not_allow_is_kept_with_verb_and_target(
    vera: User, project_a: Project, tenant_a: Tenant
) -> None:
    api_client(vera).delete(f"/api/v1/projects/{project_a.uid}")
    page_client(vera).post(f"/projects/{project_a.uid}/edit/", {"name": "x"})
    assert _refusals() == [
        ("vera", "project.delete", "forbidden", tenant_a),
        ("vera", "project.edit", "forbidden", tenant_a),
    ]
    assert set(AuditEntry.objects.values_list("target_id", flat=True)) == {project_a.uid}


def test_a_strangers_attempt_is_in_the_strangers_log(bob: User, vera: User, tenant_b: Tenant) -> None:
    session_client(bob).post(f"/api/v1/members/{vera.uid}/deactivate")
    assert _refusals() == [("bob", "member.deactivate", "not_found", tenant_b)]
    assert AuditEntry.objects.get().target_name == ""


def test_what_state_does_not_allow_is_kept_with_its_code(alice: User, project_a: Project) -> None:
    api_client(alice).delete(f"/api/v1/projects/{project_a.uid}")
    assert [(verb, code) for _, verb, code, _ in _refusals()] == [("project.delete", "state.not_allowed")]


def test_a_refused_create_is_named_after_the_kind(mia: User) -> None:
    api_client(mia).post("/api/v1/projects", {"name": "x"}, format="json")
    assert [(verb, code) for _, verb, code, _ in _refusals()] == [("project.create", "forbidden")]


def test_a_form_without_its_token_is_kept(alice: User, tenant_a: Tenant) -> None:
    project = make_project(tenant_a, "shop")
    client = page_client(alice)
    client.handler.enforce_csrf_checks = True
    client.post(f"/projects/{project.uid}/delete/")
    assert [(verb, code) for _, verb, code, _ in _refusals()] == [("project.delete", "forbidden")]


def test_reading_and_typing_errors_are_no_refusals(alice: User, vera: User) -> None:
    page_client(vera).get("/projects/00000000-0000-0000-0000-000000000000/")
    api_client(alice).post("/api/v1/projects", {"name": ""}, format="json")
    session_client(alice).post("/api/v1/members", {"username": "a b"}, format="json")
    api_client().post("/api/v1/projects", {"name": "x"}, format="json")
    assert _refusals() == [] and not Operation.objects.exists()
