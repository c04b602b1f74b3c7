"""Accounts in the portals."""

from __future__ import annotations

import pytest

from apps.accounts.models import (
    ApiKey,
    Project,
    Role,
    Tenant,
    User,
)
from apps.accounts.scopes import reached_by_scope
from apps.accounts.selectors import held_roles
from apps.lifecycle.verbs import all_verbs
from tests.factories import make_project, page_client
from tests.lifecycle.test_verb_table import PRETEND

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def test_an_owner_makes_a_sub_account_and_sees_its_password_once(alice: User, project_a: Project) -> None:
    client = page_client(alice)
    form = {"username": "nina", "project": str(project_a.uid), "role": "operator"}
    answer = client.post("/members/create/", form)
    nina = User.objects.get(username="nina")
    shown = answer.content.decode()
    assert held_roles(nina) == {project_a: Role.OPERATOR}
    assert answer["Cache-Control"] == "no-store"
    password = next(
        word
        for word in shown.replace('"', " ").replace("<", " ").replace(">", " ").split()
        if nina.check_password(word)
    )
    for path in ("/members/", f"/members/{nina.uid}/", "/audit/"):
        assert password not in client.get(path).content.decode()


def test_a_taken_name_is_said_at_its_field_and_nothing_typed_is_lost(alice: User, bob: User) -> None:
    answer = page_client(alice).post(
        "/members/create/", {"username": "bob", "role": "viewer", "email": "b@b.test"}
    )
    shown = answer.content.decode()
    assert answer.status_code == 422 and "already in use" in shown and "b@b.test" in shown


def test_a_role_is_set_from_the_page(alice: User, vera: User, tenant_a: Tenant) -> None:
    other = make_project(tenant_a, "other")
    page_client(alice).post(f"/members/{vera.uid}/set-role/", {"project": str(other.uid), "role": "manager"})
    assert held_roles(vera)[other] == Role.MANAGER
    assert "Manager" in page_client(alice).get(f"/members/{vera.uid}/roles/").content.decode()


def test_a_sub_account_sees_itself_and_no_buttons(vera: User, alice: User, otto: User) -> None:
    shown = page_client(vera).get("/members/").content.decode()
    assert "vera" in shown and "otto" not in shown
    menu = page_client(vera).get(f"/members/{vera.uid}/menu/").content.decode()
    assert "reset-password" not in menu and "remove" not in menu


def test_an_admin_makes_a_tenant_and_disables_it(ada: User) -> None:
    client = page_client(ada)
    form = {"name": "acme", "username": "anna", "email": "anna@acme.test"}
    shown = client.post("/admin/tenants/create/", form).content.decode()
    tenant = Tenant.objects.get(name="acme")
    assert "anna" in shown and User.objects.get(username="anna").is_tenant_owner
    question = client.get(f"/admin/tenants/{tenant.uid}/disable/").content.decode()
    assert "end immediately" in question
    client.post(f"/admin/tenants/{tenant.uid}/disable/")
    tenant.refresh_from_db()
    assert not tenant.enabled
    assert "Disabled" in client.get("/admin/tenants/").content.decode()


def test_a_bad_owner_name_stands_at_the_owners_field(ada: User) -> None:
    answer = page_client(ada).post("/admin/tenants/create/", {"name": "acme", "username": "A B"})
    assert answer.status_code == 422
    assert answer.context["form"].errors.keys() == {"username"}
    assert not Tenant.objects.exists()


@pytest.mark.requirement("AC-2")
def test_an_admin_sets_quotas_and_the_tenant_sees_them(ada: User, alice: User, tenant_a: Tenant) -> None:
    client, url = page_client(ada), f"/admin/tenants/{tenant_a.uid}/quotas/"
    form = {name: field.value() for name, field in ((f.name, f) for f in client.get(url).context["form"])}
    answers_to = f"/admin/tenants/{tenant_a.uid}/set-quotas/"
    assert answers_to in client.get(url).content.decode()
    assert client.post(answers_to, {**form, "vm": 3})["Location"] == url
    assert client.post(answers_to, {**form, "vm": -3}).status_code == 422
    uses = {use.metric.name: use.limit for use in page_client(alice).get("/quotas/").context["uses"]}
    assert (uses["vm"], uses["disk"]) == (3, 100)


@pytest.mark.requirement("AC-4")
def test_the_page_of_a_new_key_says_what_each_scope_reaches(alice: User) -> None:
    shown = page_client(alice).get("/api-keys/create/").content.decode()
    for scope in ApiKey.Scope:
        assert f'<option value="{scope.value}">{scope.label}</option>' in shown
    assert "start and stop VMs and open their consoles, but change no disks or snapshots" in shown
    by_scope = reached_by_scope(verb for verb in all_verbs() if verb.name not in PRETEND)
    assert {name.split(".")[0] for name in by_scope["operate"]} == {"vm"}
    assert {"disk.attach", "snapshot.delete"} <= set(by_scope["write"])


@pytest.mark.requirement("AC-4")
def test_a_key_is_made_shown_once_and_revoked(alice: User) -> None:
    client = page_client(alice)
    shown = client.post("/api-keys/create/", {"name": "ci", "scope": "write", "days": "30"}).content.decode()
    key = ApiKey.objects.get(name="ci")
    assert f"sk_{key.prefix}_" in shown and key.expires_at is not None
    assert f"sk_{key.prefix}_" not in client.get("/api-keys/").content.decode()
    client.post(f"/api-keys/{key.uid}/revoke/", {"typed_name": "ci"})
    assert not ApiKey.objects.exists()


@pytest.mark.requirement("AC-5")
def test_a_project_in_use_says_what_is_in_it(alice: User, tenant_a: Tenant) -> None:
    from apps.lifecycle.models import Resource

    project = make_project(tenant_a, "shop")
    Resource.objects.create(kind="vm", name="web-1", tenant=tenant_a, project=project)
    answer = page_client(alice).post(f"/projects/{project.uid}/delete/", {"typed_name": "shop"})
    assert answer.status_code == 409 and "web-1" in answer.content.decode()


def test_a_reset_password_is_shown_once_by_the_admin_too(ada: User, alice: User) -> None:
    answer = page_client(ada).post(f"/admin/members/{alice.uid}/reset-password/")
    alice.refresh_from_db()
    assert alice.must_change_password and answer["Cache-Control"] == "no-store"
