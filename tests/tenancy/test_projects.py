"""Projects, called business groups in the requirements."""

from __future__ import annotations

import pytest

from apps.accounts.models import Project, Tenant, User
from apps.audit.models import AuditEntry
from apps.lifecycle.errors import Forbidden, InUse, Invalid, NotNow
from apps.lifecycle.models import Resource
from apps.tenancy.services.projects import create_project, delete_project, edit_project
from tests.factories import actor_for_user

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-5")]


def test_an_owner_makes_renames_and_deletes_a_business_group(alice: User, tenant_a: Tenant) -> None:
    actor = actor_for_user(alice)
    project = create_project(actor, tenant_a, " shop ", description="web shop")
    project = edit_project(actor, project, name="store")
    assert (project.name, project.description) == ("store", "web shop")
    delete_project(actor, project)
    assert [p.name for p in Project.objects.filter(tenant=tenant_a)] == ["default"]
    verbs = AuditEntry.objects.order_by("at").values_list("verb", "target_name")
    assert list(verbs) == [("project.create", "shop"), ("project.edit", "store"), ("project.delete", "store")]


def test_one_with_resources_is_kept_and_they_are_named(alice: User, tenant_a: Tenant) -> None:
    project = create_project(actor_for_user(alice), tenant_a, "shop")
    for number in range(25):
        Resource.objects.create(kind="vm", name=f"vm-{number:02}", tenant=tenant_a, project=project)
    with pytest.raises(InUse) as refused:
        delete_project(actor_for_user(alice), project)
    assert refused.value.details["count"] == 25
    named = refused.value.details["resources"]
    assert isinstance(named, list) and (len(named), named[0]["name"]) == (20, "vm-00")
    assert Project.objects.filter(pk=project.pk).exists()


def test_the_default_one_stays(alice: User, project_a: Project) -> None:
    with pytest.raises(NotNow):
        delete_project(actor_for_user(alice), project_a)


def test_names_are_taken_once_within_a_tenant(
    alice: User, bob: User, tenant_a: Tenant, tenant_b: Tenant
) -> None:
    create_project(actor_for_user(alice), tenant_a, "shop")
    create_project(actor_for_user(bob), tenant_b, "shop")
    with pytest.raises(Invalid) as refused:
        create_project(actor_for_user(alice), tenant_a, "shop")
    assert list(refused.value.fields) == ["name"]


def test_members_and_strangers_change_no_business_group(mia: User, bob: User, project_a: Project) -> None:
    for user in (mia, bob):
        for change in (
            lambda actor: create_project(actor, project_a.tenant, "x"),
            lambda actor: edit_project(actor, project_a, name="x"),
            lambda actor: delete_project(actor, project_a),
        ):
            with pytest.raises(Forbidden):
                change(actor_for_user(user))
