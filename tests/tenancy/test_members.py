"""Sub-accounts: their roles, and what ends with them."""

from __future__ import annotations

import pytest

from apps.accounts import account_hooks
from apps.accounts.access import visible_projects
from apps.accounts.models import Project, Role, Tenant, User
from apps.accounts.selectors import memberships_in, memberships_of, visible_members
from apps.audit.models import AuditEntry
from apps.lifecycle.errors import Forbidden, Invalid, NotFound, NotNow
from apps.lifecycle.slots import Slot
from apps.tenancy.services import members
from tests.factories import actor_for_user, api_client, make_owner, make_project, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def _roles(user: User) -> dict[str, Role | None]:
    return {membership.project.name: membership.role for membership in memberships_of(user)}


def test_a_sub_account_starts_with_a_role_in_the_project_named(alice: User, project_a: Project) -> None:
    user, password = members.create_member(
        actor_for_user(alice), project_a.tenant, "Nina", project=project_a, role=Role.OPERATOR
    )
    assert user.username == "nina" and user.check_password(password) and user.must_change_password
    assert _roles(user) == {"default": Role.OPERATOR}
    assert user in [membership.user for membership in memberships_in(project_a)]


@pytest.mark.requirement("VP-5")
def test_without_a_project_a_sub_account_gets_its_own_with_all_a_newcomer_gets(
    alice: User, tenant_a: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcomed: list[Project] = []
    monkeypatch.setattr(account_hooks, "new_accounts", Slot(lambda actor, project: welcomed.append(project)))
    user, _ = members.create_member(actor_for_user(alice), tenant_a, "nina")
    assert _roles(user) == {"default": None, "nina": Role.MANAGER}
    assert [project.name for project in welcomed] == ["nina"]


def test_a_role_is_replaced_and_taken_away(alice: User, vera: User, project_a: Project) -> None:
    members.set_role(actor_for_user(alice), vera, project_a, Role.MANAGER)
    assert _roles(vera) == {"default": Role.MANAGER}
    members.set_role(actor_for_user(alice), vera, project_a, Role.VIEWER)
    assert _roles(vera) == {"default": Role.VIEWER}
    members.set_role(actor_for_user(alice), vera, project_a, None)
    assert not visible_projects(actor_for_user(vera)).exists()


def test_a_project_of_another_tenant_is_not_found(alice: User, vera: User, project_b: Project) -> None:
    with pytest.raises(NotFound):
        members.set_role(actor_for_user(alice), vera, project_b, Role.VIEWER)
    with pytest.raises(NotFound):
        members.create_member(actor_for_user(alice), vera.tenant, "nina", project=project_b)


def test_only_who_runs_the_tenant_manages_its_members(
    alice: User, mia: User, vera: User, bob: User, ada: User, tenant_a: Tenant
) -> None:
    for stranger in (mia, vera, bob):
        with pytest.raises(Forbidden):
            members.create_member(actor_for_user(stranger), tenant_a, "nina")
        with pytest.raises(Forbidden):
            members.reset_member_password(actor_for_user(stranger), alice)
    members.deactivate_member(actor_for_user(ada), vera)
    with pytest.raises(Forbidden, match="acting as a tenant"):
        members.activate_member(actor_for_user(ada, tenant=tenant_a), vera)
    members.activate_member(actor_for_user(ada), vera)


def test_members_are_seen_by_who_runs_the_tenant_and_by_themselves(
    alice: User, vera: User, otto: User, bob: User, ada: User
) -> None:
    def seen(user: User) -> set[str]:
        return {found.username for found in visible_members(actor_for_user(user))}

    assert seen(alice) == {"alice", "vera", "otto"}
    assert seen(vera) == {"vera"}
    assert seen(bob) == {"bob"}
    assert seen(ada) == {"alice", "vera", "otto", "bob"}


def test_a_log_in_name_is_unique_on_the_whole_platform(alice: User, bob: User, tenant_a: Tenant) -> None:
    with pytest.raises(Invalid, match="already in use"):
        members.create_member(actor_for_user(alice), tenant_a, "bob")
    assert not Project.objects.filter(name="bob").exists()


def test_deactivating_ends_sessions_and_keys_at_once(alice: User, vera: User) -> None:
    browser, program = page_client(vera), api_client(vera)
    assert browser.get("/api/v1/me").status_code == program.get("/api/v1/me").status_code == 200
    members.deactivate_member(actor_for_user(alice), vera)
    assert browser.get("/api/v1/me").status_code == program.get("/api/v1/me").status_code == 401


def test_a_reset_password_ends_sessions_and_is_shown_once(alice: User, vera: User) -> None:
    browser = page_client(vera)
    password = members.reset_member_password(actor_for_user(alice), vera)
    vera.refresh_from_db()
    assert vera.check_password(password) and vera.must_change_password
    assert browser.get("/api/v1/me").status_code == 401
    assert password not in str(AuditEntry.objects.values())


def test_a_removed_member_leaves_the_log_as_it_was(alice: User, vera: User) -> None:
    members.set_owner(actor_for_user(alice), vera, True)
    members.set_owner(actor_for_user(vera), vera, False)
    members.remove_member(actor_for_user(alice), vera)
    entry = AuditEntry.objects.get(actor_name="vera")
    assert entry.user is None and not User.objects.filter(username="vera").exists()


def test_the_last_owner_can_neither_go_nor_step_down(alice: User, vera: User, ada: User) -> None:
    for refused in (
        lambda: members.remove_member(actor_for_user(ada), alice),
        lambda: members.deactivate_member(actor_for_user(alice), alice),
        lambda: members.set_owner(actor_for_user(alice), alice, False),
    ):
        with pytest.raises(NotNow, match="only active owner"):
            refused()
    members.set_owner(actor_for_user(alice), vera, True)
    members.remove_member(actor_for_user(vera), alice)


def test_an_inactive_owner_does_not_count(alice: User, tenant_a: Tenant) -> None:
    second = make_owner(tenant_a)
    members.deactivate_member(actor_for_user(alice), second)
    with pytest.raises(NotNow, match="only active owner"):
        members.deactivate_member(actor_for_user(alice), alice)


def test_nobody_removes_themself(alice: User, tenant_a: Tenant) -> None:
    make_owner(tenant_a)
    with pytest.raises(NotNow, match="yourself"):
        members.remove_member(actor_for_user(alice), alice)


def test_roles_in_several_projects_are_told_apart(alice: User, vera: User, tenant_a: Tenant) -> None:
    other = make_project(tenant_a, "other")
    members.set_role(actor_for_user(alice), vera, other, Role.MANAGER)
    assert _roles(vera) == {"default": Role.VIEWER, "other": Role.MANAGER}
    entry = AuditEntry.objects.get(verb="member.set_role")
    assert (entry.target_name, entry.args) == ("vera", {"project": "other", "role": "manager"})
