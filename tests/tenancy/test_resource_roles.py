"""AC-1: roles on single resources: given, changed and taken by who runs the tenant, and what they reach."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.accounts.access import may, visible
from apps.accounts.models import Project, ResourceUserObjectPermission, Tenant, User
from apps.accounts.operation_access import visible_operations
from apps.accounts.operation_log import visible_entries
from apps.accounts.rights import Rights
from apps.accounts.selectors import visible_resource_roles
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.errors import Forbidden, Invalid
from apps.lifecycle.models import Resource, State
from apps.lifecycle.verbs import ANY_STATE, Verb
from apps.network.models import Vpc
from apps.portal.actions import name_to_type
from apps.portal.page_access import PageSession, judge
from apps.tenancy.services import members
from apps.tenancy.services.resource_roles import give_resource_role, take_resource_role
from tests import factories
from tests.factories import actor_for_user, api_client, session_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]

VERBS = {
    permission: Verb(f"thing.{permission}", permission, permission, permission=permission, states=ANY_STATE)
    for permission in ("view", "operate", "manage", "owner", "admin")
}


def _vpc(project: Project, name: str) -> Vpc:
    return Vpc.objects.create(
        kind="vpc",
        name=name,
        tenant=project.tenant,
        project=project,
        state=State.READY,
        cidr="10.0.0.0/16",
        vni=5000 + Vpc.objects.count(),
    )


@pytest.fixture
def thing(project_a: Project) -> Vpc:
    return _vpc(project_a, "one")


@pytest.fixture
def una(tenant_a: Tenant) -> User:
    return factories.make_member_of_nothing(tenant_a, "una")


def _give(by: User, to: User, thing: Resource, role: str) -> Any:
    return give_resource_role(actor_for_user(by), member=to.uid, resource=thing.pk, role=role)


@pytest.mark.parametrize(
    ("role", "covered"),
    [
        ("viewer", {"view"}),
        ("operator", {"view", "operate"}),
        ("manager", {"view", "operate", "manage"}),
    ],
)
def test_a_role_covers_its_resource_and_no_other(
    alice: User, una: User, thing: Vpc, project_a: Project, role: str, covered: set[str]
) -> None:
    other = _vpc(project_a, "other")
    _give(alice, una, thing, role)
    actor = actor_for_user(una)
    assert list(visible(actor, Resource.objects.all())) == [thing.resource]
    for row, expected in ((thing, covered), (other, set())):
        place = row.project_id, row.tenant_id, row.pk
        assert {name for name, verb in VERBS.items() if may(actor, verb, *place)} == expected
        assert {name for name, verb in VERBS.items() if Rights(actor).covers(verb, *place)} == expected
    assert Rights(actor).sees(thing.resource) and not Rights(actor).sees(other.resource)


def test_a_role_on_a_resource_creates_nothing_in_its_project(alice: User, una: User, thing: Vpc) -> None:
    _give(alice, una, thing, "manager")
    actor, create = actor_for_user(una), Verb("vpc.create", "", "", permission="manage", on_resource=False)
    assert not may(actor, create, thing.project_id, thing.tenant_id)
    assert not Rights(actor).may_somewhere(create)
    browser = session_client(una)
    made = browser.post("/api/v1/vpcs", {"name": "x", "cidr": "10.9.0.0/16"}, format="json")
    assert made.status_code == 403
    renamed = browser.patch(f"/api/v1/vpcs/{thing.pk}", {"name": "mine"}, format="json")
    assert (renamed.status_code, renamed.json()["name"]) == (200, "mine")


def test_a_role_is_changed_in_place_and_taken(alice: User, una: User, thing: Vpc) -> None:
    first = _give(alice, una, thing, "manager")
    second = _give(alice, una, thing, "viewer")
    assert (second.pk, second.role) == (first.pk, "viewer")
    assert ResourceUserObjectPermission.objects.filter(user=una).count() == 1
    take_resource_role(actor_for_user(alice), second)
    assert not visible(actor_for_user(una), Resource.objects.all()).exists()
    assert not visible_resource_roles(actor_for_user(alice)).exists()


def test_only_who_runs_the_tenant_gives_and_within_the_tenant_only(
    alice: User, mia: User, bob: User, una: User, thing: Vpc, project_b: Project
) -> None:
    for stranger in (mia, una):
        with pytest.raises(Forbidden):
            give_resource_role(
                actor_for_user(stranger), member=stranger.uid, resource=thing.pk, role="viewer"
            )
    with pytest.raises(Invalid):
        _give(bob, una, thing, "viewer")
    foreign = _vpc(project_b, "foreign")
    with pytest.raises(Invalid, match="Resource not found"):
        _give(alice, una, foreign, "viewer")
    assert not ResourceUserObjectPermission.objects.exists()


def test_the_api_gives_lists_and_takes_and_tries_first(alice: User, una: User, thing: Vpc) -> None:
    owner, path = session_client(alice), "/api/v1/resource-roles"
    body = {"member": str(una.uid), "resource": str(thing.pk), "role": "operator"}
    tried = owner.post(f"{path}?dry_run=1", body, format="json")
    assert tried.json()["possible"] and not ResourceUserObjectPermission.objects.exists()
    given = owner.post(path, body, format="json")
    assert given.status_code == 201, given.json()
    assert given.json()["resource"] == {"kind": "vpc", "id": str(thing.pk), "name": "one"}
    uid = str(UUID(given.json()["id"]))
    assert owner.get(f"{path}/{uid.upper()}").json() == given.json()
    changed = owner.post(path, {**body, "role": "viewer"}, format="json").json()
    assert (changed["id"], changed["role"]) == (uid, "viewer")
    owner.post(path, body, format="json")
    assert [row["role"] for row in session_client(una).get(path).json()["results"]] == ["operator"]
    assert owner.get(f"{path}?resource={thing.pk}&role=viewer").json()["results"] == []
    program = api_client(una)
    assert program.get(f"/api/v1/vpcs/{thing.pk}").status_code == 200
    assert owner.delete(f"{path}/{given.json()['id']}").status_code == 204
    assert program.get(f"/api/v1/vpcs/{thing.pk}").status_code == 404


def test_an_open_page_hears_of_its_resource_and_closes_when_the_role_is_taken(
    alice: User, una: User, thing: Vpc, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    monkeypatch.setattr("apps.lifecycle.push.rights_changed", closed.append)
    given = _give(alice, una, thing, "viewer")
    heard = judge(una, {})
    assert isinstance(heard, PageSession) and heard.resources == {str(thing.pk)}
    assert f"pages.{una.tenant_id}.granted" in heard.groups
    take_resource_role(actor_for_user(alice), given)
    after = judge(una, {})
    assert isinstance(after, PageSession) and not after.resources
    assert closed == [una.pk, una.pk]


def test_the_operation_log_shows_the_lines_about_the_resource(alice: User, una: User, thing: Vpc) -> None:
    session_client(alice).patch(f"/api/v1/vpcs/{thing.pk}", {"name": "named"}, format="json")
    assert not visible_entries(actor_for_user(una)).exists()
    _give(alice, una, thing, "viewer")
    assert [entry.verb for entry in visible_entries(actor_for_user(una))] == ["vpc.rename"]
    assert not visible_operations(actor_for_user(una)).exists()


def test_roles_go_with_the_resource_and_with_the_member(
    alice: User, una: User, vera: User, thing: Vpc
) -> None:
    _give(alice, una, thing, "manager")
    _give(alice, vera, thing, "manager")
    members.remove_member(actor_for_user(alice), vera)
    assert set(ResourceUserObjectPermission.objects.values_list("user", flat=True)) == {una.pk}
    remove([thing])
    assert not ResourceUserObjectPermission.objects.exists()


def test_a_member_can_be_created_without_a_project(alice: User, tenant_a: Tenant) -> None:
    owner = session_client(alice)
    made = owner.post("/api/v1/members", {"username": "solo", "role": None}, format="json")
    assert (made.status_code, made.json()["roles"]) == (201, [])
    assert not Project.objects.filter(name="solo").exists()
    project = str(factories.default_project(tenant_a).uid)
    body = {"username": "solo2", "role": None, "project": project}
    assert owner.post("/api/v1/members", body, format="json").status_code == 422


def test_a_thousand_roles_cost_no_further_queries(una: User, project_a: Project) -> None:
    def queries(path: str) -> int:
        browser = session_client(una)
        with CaptureQueriesContext(connection) as seen:
            assert browser.get(path).status_code == 200
        return len(seen)

    def grant(count: int) -> None:
        made = [_vpc(project_a, f"net-{number}") for number in range(count)]
        permission = Permission.objects.get(content_type__model="resource", codename="view_resources")
        ResourceUserObjectPermission.objects.bulk_create(
            ResourceUserObjectPermission(user=una, permission=permission, content_object_id=row.pk)
            for row in made
        )

    paths = ("/api/v1/vpcs", "/vpcs/", "/", "/api/v1/resource-roles", "/resource-roles/", "/audit/")
    grant(60)
    before = {path: queries(path) for path in paths}
    things = [
        Resource(kind="thing", name=f"t-{n}", tenant=project_a.tenant, project=project_a, state=State.READY)
        for n in range(1000)
    ]
    Resource.objects.bulk_create(things)
    permission = Permission.objects.get(content_type__model="resource", codename="view_resources")
    ResourceUserObjectPermission.objects.bulk_create(
        ResourceUserObjectPermission(user=una, permission=permission, content_object_id=row.pk)
        for row in things
    )
    assert {path: queries(path) for path in paths} == before


def test_the_pages_lead_from_a_resource_and_a_member_to_granting_and_revoking(
    alice: User, una: User, thing: Vpc
) -> None:
    browser = factories.page_client(alice)
    grant = f"/resource-roles/create/?resource={thing.pk}"
    assert grant in browser.get(f"/vpcs/{thing.pk}/").content.decode()
    shown = browser.get(grant).content.decode()
    assert f'value="{thing.pk}"' in shown and "una" in shown and "alice</option>" not in shown
    body = {"member": str(una.uid), "resource": str(thing.pk), "role": "operator"}
    assert browser.post("/resource-roles/create/", body).status_code == 302
    (given,) = visible_resource_roles(actor_for_user(alice))
    assert f"/resource-roles/?resource={thing.pk}" in browser.get(f"/vpcs/{thing.pk}/").content.decode()
    roles = browser.get(f"/members/{una.uid}/roles/").content.decode()
    assert "Operator" in roles and f"/vpcs/{thing.pk}/" in roles
    assert "una" in browser.get("/resource-roles/").content.decode()
    assert (
        browser.post(f"/resource-roles/{given.uid}/delete/", {"typed_name": name_to_type(given)}).status_code
        == 302
    )
    assert not visible_resource_roles(actor_for_user(alice)).exists()
    refused = browser.post("/resource-roles/create/", {**body, "resource": str(una.uid)})
    assert refused.status_code == 422 and "Resource not found" in refused.content.decode()
