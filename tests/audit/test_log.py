"""The operation log: what is in it, who sees which lines, and how they are found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.keys import issue_key
from apps.accounts.models import ApiKey, Project, User
from apps.audit.models import AuditEntry
from apps.audit.record import record
from apps.lifecycle.models import Operation, OperationStatus, Resource, State
from apps.lifecycle.tenant_texts import CAUSES
from tests.factories import actor_for_user, api_client, make_project, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-3")]


def _operation(thing: Resource, status: str, seconds: int | None = None, **columns: Any) -> Operation:
    started = timezone.now()
    return Operation.objects.create(
        verb="vm.start",
        resource=thing,
        target_id=thing.pk,
        target_kind="vm",
        target_name=thing.name,
        tenant=thing.tenant,
        status=status,
        deadline=started,
        created_at=started,
        finished_at=started + timedelta(seconds=seconds) if seconds is not None else None,
        **columns,
    )


@pytest.fixture
def vm(project_a: Project) -> Resource:
    return Resource.objects.create(
        kind="vm", name="web-1", tenant=project_a.tenant, project=project_a, state=State.READY
    )


def _found(user: User, query: str = "") -> list[dict[str, Any]]:
    answer = api_client(user).get(f"/api/v1/audit{query}")
    assert answer.status_code == 200, answer.content
    return list(answer.json()["results"])


def test_a_line_says_who_when_from_where_what_result_and_duration(alice: User, vm: Resource) -> None:
    operation = _operation(vm, OperationStatus.DONE, seconds=3)
    record(actor_for_user(alice), "vm.start", vm, operation=operation, args={"force": False})
    (line,) = _found(alice)
    assert line["who"] == "alice" and line["ip"] == "192.0.2.7" and line["request_id"] == "test-request"
    assert line["verb"] == "vm.start" and line["args"] == {"force": False}
    assert line["target"] == {"kind": "vm", "id": str(vm.pk), "name": "web-1"}
    assert (line["result"], line["duration_seconds"]) == ("done", 3.0)


@pytest.mark.parametrize(
    ("status", "seconds", "result", "duration"),
    [
        (OperationStatus.QUEUED, None, "running", None),
        (OperationStatus.RUNNING, None, "running", None),
        (OperationStatus.FAILED, 5, "failed", 5.0),
        (OperationStatus.CANCELLED, 1, "cancelled", 1.0),
    ],
)
def test_result_and_duration_are_those_of_the_operation_now(
    alice: User, vm: Resource, status: str, seconds: int | None, result: str, duration: float | None
) -> None:
    failed = status == OperationStatus.FAILED
    error = {"code": "host.unreachable", "message": "h-1 is gone."} if failed else {}
    operation = _operation(vm, status, seconds, error=error)
    record(actor_for_user(alice), "vm.start", vm, operation=operation)
    record(actor_for_user(alice), "project.create", name="shop")
    (line,) = _found(alice, f"?result={result}")
    assert (line["duration_seconds"], line["reason"]) == (
        duration,
        CAUSES["host.unreachable"].message if failed else "",
    )
    assert len(_found(alice, "?result=done")) == 1


def test_lines_are_found_by_who_what_kind_target_and_time(alice: User, vera: User, vm: Resource) -> None:
    record(actor_for_user(alice), "vm.start", vm)
    record(actor_for_user(vera), "api_key.create", name="ci")
    old = record(actor_for_user(alice), "project.create", name="shop")
    AuditEntry.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=9))
    yesterday = (timezone.now() - timedelta(days=1)).isoformat().replace("+", "%2B")

    def names(query: str) -> set[str]:
        return {line["target"]["name"] for line in _found(alice, query)}

    assert names("?user=vera") == {"ci"}
    assert names("?verb=vm.start") == {"web-1"}
    assert names("?kind=project") == {"shop"}
    assert names(f"?target={vm.pk}") == names(f"?q={vm.pk}") == {"web-1"}
    assert names("?q=WEB") == {"web-1"}
    assert names(f"?before={yesterday}") == {"shop"}
    assert names(f"?after={yesterday}") == {"web-1", "ci"}
    assert names(f"?tenant={vm.tenant.uid if vm.tenant else ''}") == {"web-1", "ci", "shop"}


def test_owners_see_their_tenants_lines_members_their_own_and_their_projects(
    alice: User, vera: User, otto: User, bob: User, ada: User, vm: Resource
) -> None:
    elsewhere = Resource.objects.create(
        kind="vm", name="hidden", tenant=vm.tenant, project=make_project(alice.tenant, "secret")
    )
    record(actor_for_user(alice), "vm.start", vm)
    record(actor_for_user(alice), "vm.start", elsewhere)
    record(actor_for_user(otto), "api_key.create", name="otto's key")
    record(actor_for_user(bob), "project.create", name="bolt's own")
    record(actor_for_user(ada), "region.create", name="tokyo")

    def seen(user: User) -> set[str]:
        return {line["target"]["name"] for line in _found(user)}

    assert seen(alice) == {"web-1", "hidden", "otto's key"}
    assert seen(vera) == {"web-1"}
    assert seen(otto) == {"web-1", "otto's key"}
    assert seen(bob) == {"bolt's own"}
    assert seen(ada) == {"web-1", "hidden", "otto's key", "bolt's own", "tokyo"}


def test_an_admin_acting_as_a_tenant_is_named_as_such(ada: User, alice: User, vm: Resource) -> None:
    record(actor_for_user(ada, tenant=alice.tenant), "vm.start", vm)
    (line,) = _found(alice)
    assert line["who"] == "ada as acme"


def test_the_page_shows_labels_results_and_filters(alice: User, vm: Resource) -> None:
    record(actor_for_user(alice), "vm.start", vm, operation=_operation(vm, OperationStatus.FAILED, 5))
    record(actor_for_user(alice), "project.create", name="shop")
    client = page_client(alice)
    shown = client.get("/audit/").content.decode()
    assert "Start" in shown and "web-1" in shown and "Create project" in shown and "192.0.2.7" in shown
    failed = client.get("/audit/?result=failed").content.decode()
    assert "web-1" in failed and "shop" not in failed


def test_a_page_of_lines_costs_the_same_however_many_there_are(
    alice: User, vm: Resource, django_assert_max_num_queries: Any
) -> None:
    for _ in range(40):
        record(actor_for_user(alice), "vm.start", vm, operation=_operation(vm, OperationStatus.DONE, 1))
    client = api_client(alice)
    client.get("/api/v1/audit")
    with django_assert_max_num_queries(5):
        client.get("/api/v1/audit")


@pytest.mark.requirement("IN-2")
def test_a_line_says_which_api_key_acted_also_when_that_is_revoked(alice: User, vm: Resource) -> None:
    key, token = issue_key(alice, "backup job", ApiKey.Scope.WRITE, None)
    client = api_client(token=token)
    client.patch(f"/api/v1/projects/{vm.project.uid}", {"description": "by key"}, format="json")  # type: ignore[union-attr]
    ApiKey.objects.all().delete()
    (line,) = _found(alice, "?verb=project.edit")
    assert line["api_key"] == {"id": str(key.uid), "name": "backup job"}
    assert [each["verb"] for each in _found(alice, "?api_key=backup")] == ["project.edit"]
    assert len(_found(alice, f"?api_key={key.uid}")) == 1
    exported = page_client(alice).get("/audit/?format=csv")
    assert b"backup job" in b"".join(exported.streaming_content)  # type: ignore[attr-defined]
    record(actor_for_user(alice), "vm.start", vm)
    assert _found(alice, "?verb=vm.start")[0]["api_key"] is None
