"""Sub-accounts of a tenant and their roles."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.account_hooks import run_account_hooks
from apps.accounts.models import (
    ROLE_PERMISSIONS,
    Project,
    ProjectUserObjectPermission,
    Role,
    Tenant,
    User,
)
from apps.accounts.verbs import (
    MEMBER_ACTIVATE,
    MEMBER_CREATE,
    MEMBER_DEACTIVATE,
    MEMBER_END_SESSIONS,
    MEMBER_REMOVE,
    MEMBER_RESET_PASSWORD,
    MEMBER_RESET_TWO_FACTOR,
    MEMBER_SET_OWNER,
    MEMBER_SET_ROLE,
    PROJECT_CREATE,
)
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Forbidden, Invalid, NotFound, NotNow
from apps.lifecycle.requests import Allowed
from apps.tenancy.services.access_end import end_all_access
from apps.tenancy.services.accounts import generate_password, new_user
from apps.tenancy.services.factors import drop_all_factors
from apps.tenancy.services.holding import (
    drop_grants,
    drop_resource_grants,
    hold_project,
    hold_user,
    hold_with_owners,
)
from apps.tenancy.services.links import drop_links_beside_password
from apps.tenancy.services.passwords import replace_password
from apps.tenancy.services.projects import add_project
from apps.tenancy.services.sessions import end_sessions


@serves(MEMBER_CREATE)
@transaction.atomic
def create_member(
    actor: Actor,
    tenant: Tenant,
    username: str,
    *,
    project: Project | None = None,
    role: Role | None = Role.MANAGER,
    password: str = "",
    email: str = "",
    must_change_password: bool = True,
) -> tuple[User, str]:
    """Make a sub-account with a role in `project`; without one, in a new project of its own, with a default network.

    Without a role it has no project: roles on single resources are given afterwards. Returns its password, generated
    unless given, to be shown once. Raises Forbidden, Invalid, or QuotaExceeded when the default network does not fit.
    """
    allowed = allow(actor, MEMBER_CREATE, project=None, tenant_id=tenant.pk)
    password = password or generate_password()
    user = new_user(username, password, email=email, must_change=must_change_password, tenant=tenant)
    if role is None:
        _ensure_no_project(project)
        _record(allowed, user)
        return user, password
    own = project is None
    project = project or add_project(
        Allowed(actor, PROJECT_CREATE), tenant, user.username, _("Separate project of a member")
    )
    _ensure_same_tenant(user, project)
    _replace_grants(user, project, role)
    _record(allowed, user, project=project.name, role=str(role))
    if own:
        run_account_hooks(actor, project)
    return user, password


@serves(MEMBER_SET_ROLE)
@transaction.atomic
def set_role(actor: Actor, user: User, project: Project, role: Role | None) -> User:
    """Set what a sub-account may do in a project; None takes the role away. Raises Forbidden or NotFound."""
    allowed = allow(actor, MEMBER_SET_ROLE, project=None, tenant_id=user.tenant_id)
    _ensure_same_tenant(user, project)
    _replace_grants(user, project, role)
    push.rights_changed(user.pk)
    _record(allowed, user, project=project.name, role=str(role or ""))
    return user


@serves(MEMBER_SET_OWNER)
@transaction.atomic
def set_owner(actor: Actor, user: User, owner: bool) -> User:
    """Make a sub-account an owner of the tenant, or an owner a sub-account. Raises Forbidden or NotNow."""
    allowed = allow(actor, MEMBER_SET_OWNER, project=None, tenant_id=user.tenant_id)
    if not owner:
        _ensure_another_owner(user)
    User.objects.filter(pk=user.pk).update(is_tenant_owner=owner)
    user.is_tenant_owner = owner
    push.rights_changed(user.pk)
    _record(allowed, user, owner=owner)
    return user


@serves(MEMBER_DEACTIVATE)
@transaction.atomic
def deactivate_member(actor: Actor, user: User) -> User:
    """End a sub-account's sessions and keys for good, keeping its roles. Raises Forbidden or NotNow."""
    allowed = allow(actor, MEMBER_DEACTIVATE, project=None, tenant_id=user.tenant_id)
    _ensure_another_owner(user)
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise NotNow(_("The account is already inactive."))
    _record(allowed, user)
    end_all_access(user)
    user.is_active = False
    return user


@serves(MEMBER_ACTIVATE)
@transaction.atomic
def activate_member(actor: Actor, user: User) -> User:
    """Give access back. Raises Forbidden or NotNow."""
    allowed = allow(actor, MEMBER_ACTIVATE, project=None, tenant_id=user.tenant_id)
    if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        raise NotNow(_("The account is already active."))
    _record(allowed, user)
    user.is_active = True
    return user


@serves(MEMBER_RESET_PASSWORD)
@transaction.atomic
def reset_member_password(actor: Actor, user: User) -> str:
    """Return a new password to be shown once and changed at the next login; ends sessions and API keys."""
    allowed = allow(actor, MEMBER_RESET_PASSWORD, project=None, tenant_id=user.tenant_id)
    password = replace_password(user)
    _record(allowed, user)
    return password


@serves(MEMBER_RESET_TWO_FACTOR)
@transaction.atomic
def reset_member_two_factor(actor: Actor, user: User) -> User:
    """Take away a lost telephone's codes, passkeys and recovery codes; ends sessions and API keys.

    Raises Forbidden, NotRecent, or NotNow when there is none.
    """
    allowed = allow(actor, MEMBER_RESET_TWO_FACTOR, project=None, tenant_id=user.tenant_id)
    drop_all_factors(user)
    _record(allowed, user)
    end_all_access(user)
    return user


@serves(MEMBER_END_SESSIONS)
@transaction.atomic
def end_member_sessions(actor: Actor, user: User) -> User:
    """Log the user out everywhere, unlink logins unless they are the only way in; API keys stay. Raises Forbidden."""
    allowed = allow(actor, MEMBER_END_SESSIONS, project=None, tenant_id=user.tenant_id)
    end_sessions(user)
    drop_links_beside_password(user)
    _record(allowed, user)
    return user


@serves(MEMBER_REMOVE)
@transaction.atomic
def remove_member(actor: Actor, user: User) -> None:
    """Delete a sub-account with its roles and keys; what it created stays. Raises Forbidden or NotNow."""
    allowed = allow(actor, MEMBER_REMOVE, project=None, tenant_id=user.tenant_id)
    if actor.user is not None and actor.user.pk == user.pk:
        raise NotNow(_("You cannot remove yourself."))
    _ensure_another_owner(user)
    _record(allowed, user)
    end_all_access(user)
    drop_grants(user=user)
    drop_resource_grants(user=user)
    user.delete()


def _replace_grants(user: User, project: Project, role: Role | None) -> None:
    # One at a time: of two at once, each would delete what was before and insert the same.
    hold_user(user)
    hold_project(project)
    drop_grants(user=user, content_object=project)
    permissions = Permission.objects.filter(
        content_type__app_label=Project._meta.app_label,
        content_type__model=Project._meta.model_name,
        codename__in=ROLE_PERMISSIONS[role] if role else (),
    )
    ProjectUserObjectPermission.objects.bulk_create(
        ProjectUserObjectPermission(user=user, content_object=project, permission=permission)
        for permission in permissions
    )


def _ensure_another_owner(user: User) -> None:
    """Lock the user and the account's active owners, and refuse if the user is the only one of these.

    So two owners cannot remove each other at the same time.
    """
    locked = hold_with_owners(user)
    if {row.pk for row in locked if row.is_tenant_owner and row.is_active} == {user.pk}:
        raise NotNow(
            _("This is the only active owner of the account."), hint=_("Make another member an owner first.")
        )


def _ensure_no_project(project: Project | None) -> None:
    if project is not None:
        raise Invalid({"role": [_("Choose a role in the project, or no project.")]})


def _ensure_same_tenant(user: User, project: Project) -> None:
    if user.tenant_id is None:
        raise Forbidden(_("Administrators have no roles in projects."))
    if project.tenant_id != user.tenant_id:
        raise NotFound(_("Project not found."))


def _record(allowed: Allowed, user: User, **args: object) -> None:
    allowed.record(tenant=user.tenant, name=user.username, target_id=user.uid, args=args)
