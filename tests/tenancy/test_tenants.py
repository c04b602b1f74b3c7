"""Tenants: made whole or not at all, disabled with immediate effect."""

from __future__ import annotations

import pytest
from django.db import connection

from apps.accounts import account_hooks
from apps.accounts.models import Project, Role, Tenant, User
from apps.audit.models import AuditEntry
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.errors import Forbidden, Invalid, NotNow, QuotaExceeded
from apps.lifecycle.models import Resource
from apps.lifecycle.slots import Slot
from apps.quotas.models import Quota
from apps.tenancy.services import members
from apps.tenancy.services.tenants import create_tenant, disable_tenant, edit_tenant, enable_tenant
from tests.factories import (
    actor_for_user,
    api_client,
    api_token,
    default_project,
    page_client,
    session_client,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def test_a_new_tenant_has_an_owner_a_default_project_and_quotas(ada: User) -> None:
    tenant, owner, password = create_tenant(
        actor_for_user(ada), "Acme Corp", "Anna", owner_email="a@acme.test"
    )
    assert (owner.username, owner.tenant, owner.is_tenant_owner) == ("anna", tenant, True)
    assert owner.check_password(password) and owner.must_change_password
    assert Project.objects.get(tenant=tenant).is_default
    assert Quota.objects.filter(tenant=tenant, used=0).count() > 5


def test_creating_a_tenant_is_in_the_log_of_the_tenant_without_the_password(ada: User) -> None:
    tenant, _, password = create_tenant(actor_for_user(ada), "acme", "anna")
    entry = AuditEntry.objects.get(verb="tenant.create")
    assert (entry.tenant, entry.actor_name, entry.ip, entry.target_id) == (
        tenant,
        "ada",
        "192.0.2.7",
        tenant.uid,
    )
    assert password not in str(entry.args)


def test_only_admins_and_the_platform_create_tenants(alice: User, ada: User, tenant_a: Tenant) -> None:
    for actor in (actor_for_user(alice), actor_for_user(ada, tenant=tenant_a), Actor(user=None)):
        with pytest.raises(Forbidden):
            create_tenant(actor, "x", "xavier")
    create_tenant(SYSTEM, "x", "xavier")


@pytest.mark.parametrize(
    ("name", "username", "password", "field"),
    [
        ("", "anna", "", "name"),
        ("a" * 64, "anna", "", "name"),
        ("acme\n", "an", "", "username"),
        ("acme", "anna smith", "", "username"),
        ("acme", "../anna", "", "username"),
        ("acme", "anna", "short", "password"),
        ("acme", "anna-anna-anna", "anna-anna-anna", "password"),
    ],
)
def test_bad_input_names_its_field_and_leaves_nothing(
    ada: User, name: str, username: str, password: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        create_tenant(actor_for_user(ada), name, username, owner_password=password)
    assert list(refused.value.fields) == [field]
    assert not Tenant.objects.exists() and not AuditEntry.objects.exists()


def test_names_of_tenants_and_log_ins_are_taken_once(ada: User, tenant_a: Tenant, alice: User) -> None:
    with pytest.raises(Invalid, match="tenant with this name"):
        create_tenant(actor_for_user(ada), tenant_a.name, "anna")
    with pytest.raises(Invalid, match="already in use"):
        create_tenant(actor_for_user(ada), "other", "ALICE")
    other, _, _ = create_tenant(actor_for_user(ada), "other", "anna")
    with pytest.raises(Invalid, match="tenant with this name"):
        edit_tenant(actor_for_user(ada), other, name=tenant_a.name)


@pytest.fixture
def no_welcomes(monkeypatch: pytest.MonkeyPatch) -> Slot[account_hooks.AccountHook]:
    slot: Slot[account_hooks.AccountHook] = Slot()
    monkeypatch.setattr(account_hooks, "new_accounts", slot)
    return slot


def test_other_apps_welcome_the_default_project_of_a_new_tenant(
    ada: User, no_welcomes: Slot[account_hooks.AccountHook]
) -> None:
    seen: list[tuple[Actor, Project]] = []
    no_welcomes.fill(lambda actor, project: seen.append((actor, project)))
    tenant, _, _ = create_tenant(actor_for_user(ada), "acme", "anna")
    assert seen == [(actor_for_user(ada), Project.objects.get(tenant=tenant))]


def test_a_welcome_that_is_refused_leaves_no_tenant(
    ada: User, no_welcomes: Slot[account_hooks.AccountHook]
) -> None:
    def refuse(actor: Actor, project: Project) -> None:
        raise QuotaExceeded("no room")

    no_welcomes.fill(refuse)
    with pytest.raises(QuotaExceeded):
        create_tenant(actor_for_user(ada), "acme", "anna")
    assert not Tenant.objects.exists() and not User.objects.filter(username="anna").exists()


def test_a_disabled_tenants_keys_stop_with_the_next_request(ada: User, alice: User, tenant_a: Tenant) -> None:
    client = api_client(alice)
    assert client.get("/api/v1/me").status_code == 200
    disable_tenant(actor_for_user(ada), tenant_a)
    assert client.get("/api/v1/me").status_code == 401
    enable_tenant(actor_for_user(ada), tenant_a)
    assert client.get("/api/v1/me").status_code == 200


def test_a_disabled_tenants_sessions_stop_with_the_next_request(
    ada: User, alice: User, tenant_a: Tenant
) -> None:
    client = page_client(alice)
    assert client.get("/api/v1/me").status_code == 200
    disable_tenant(actor_for_user(ada), tenant_a)
    assert client.get("/api/v1/me").status_code == 401


def test_disabling_twice_is_refused(ada: User, tenant_a: Tenant) -> None:
    disable_tenant(actor_for_user(ada), tenant_a)
    with pytest.raises(NotNow):
        disable_tenant(actor_for_user(ada), tenant_a)
    assert AuditEntry.objects.filter(verb="tenant.disable").count() == 1


def test_the_database_itself_refuses_an_admin_in_a_tenant(ada: User, tenant_a: Tenant) -> None:
    with pytest.raises(Exception, match="admins_have_no_tenant"), connection.cursor() as cursor:
        cursor.execute("UPDATE tenancy_user SET tenant_id = %s WHERE id = %s", [tenant_a.pk, ada.pk])


@pytest.mark.requirement("IN-2")
def test_a_tenant_without_resources_is_deleted_and_its_log_stays(
    ada: User, alice: User, tenant_a: Tenant
) -> None:
    token = api_token(alice)
    members.create_member(
        actor_for_user(alice), tenant_a, "vic", project=default_project(tenant_a), role=Role.VIEWER
    )
    assert session_client(ada).delete(f"/api/v1/tenants/{tenant_a.uid}").status_code == 204
    assert not User.objects.filter(username__in=["alice", "vic"]).exists()
    assert api_client(token=token).get("/api/v1/me").status_code == 401
    line = AuditEntry.objects.get(verb="tenant.delete")
    assert (line.target_name, line.target_id, line.actor_name) == (tenant_a.name, tenant_a.uid, "ada")
    assert AuditEntry.objects.filter(verb="member.create", actor_name="alice").exists()


@pytest.mark.requirement("IN-2")
def test_what_stands_in_the_way_of_deleting_a_tenant_is_named(ada: User, tenant_a: Tenant) -> None:
    for name in ("disk-1", "disk-2"):
        Resource.objects.create(kind="disk", name=name, tenant=tenant_a, project=default_project(tenant_a))
    answer = session_client(ada).delete(f"/api/v1/tenants/{tenant_a.uid}")
    assert (answer.status_code, answer.json()["code"]) == (409, "resource.in_use")
    assert "2 resources: disk-1, disk-2" in answer.json()["title"]
    assert [each["name"] for each in answer.json()["details"]["resources"]] == ["disk-1", "disk-2"]
    assert Tenant.objects.filter(pk=tenant_a.pk).exists()


@pytest.mark.requirement("IN-2")
def test_the_page_deletes_a_tenant_only_once_its_name_is_typed(ada: User, tenant_a: Tenant) -> None:
    client, url = page_client(ada), f"/admin/tenants/{tenant_a.uid}/delete/"
    assert client.post(url, {"typed_name": "other"}).status_code == 422
    assert client.post(url, {"typed_name": tenant_a.name}).status_code in (200, 302)
    assert not Tenant.objects.filter(pk=tenant_a.pk).exists()
