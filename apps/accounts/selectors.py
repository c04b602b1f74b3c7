"""Which accounts an actor may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When

from apps.accounts.models import (
    ROLE_PERMISSIONS,
    ApiKey,
    Project,
    ProjectUserObjectPermission,
    ResourceUserObjectPermission,
    Role,
    Tenant,
    User,
)
from apps.lifecycle.actor import Actor


def is_admin_as_such(actor: Actor) -> bool:
    """Whether this is a platform admin who does not act as a tenant at present."""
    return actor.is_admin and actor.tenant is None


def runs_tenant(actor: Actor) -> bool:
    """Whether the actor manages the tenant acted for: its owner, or an admin acting as it."""
    return actor.tenant is not None and (
        actor.is_admin or (actor.user is not None and actor.user.is_tenant_owner)
    )


def visible_tenants(actor: Actor) -> QuerySet[Tenant]:
    """Return all tenants for an admin as such, the own one for everybody else. Annotated with `members`."""
    tenants = Tenant.objects.annotate(members=Count("users"))
    if is_admin_as_such(actor):
        return tenants
    return tenants.filter(pk=actor.tenant.pk) if actor.tenant else tenants.none()


def visible_members(actor: Actor) -> QuerySet[User]:
    """Return the tenant's logins for who runs it, all tenants' for an admin, oneself for a sub-account."""
    users = User.objects.select_related("tenant").order_by("-is_tenant_owner", "username")
    if is_admin_as_such(actor):
        return users.filter(tenant__isnull=False)
    if runs_tenant(actor):
        return users.filter(tenant=actor.tenant)
    return users.filter(pk=actor.user.pk, tenant__isnull=False) if actor.user else users.none()


def visible_admins(actor: Actor) -> QuerySet[User]:
    """Return the platform admins for an admin as such, none for anybody else."""
    admins = User.objects.filter(is_platform_admin=True).order_by("username")
    return admins if is_admin_as_such(actor) else admins.none()


def visible_keys(actor: Actor) -> QuerySet[ApiKey]:
    """Return one's own keys; for who runs a tenant, those of its members too."""
    keys = ApiKey.objects.select_related("user__tenant")
    if actor.user is None:
        return keys.none()
    mine = Q(user=actor.user)
    return keys.filter(mine | Q(user__tenant=actor.tenant)) if runs_tenant(actor) else keys.filter(mine)


def visible_resource_roles(actor: Actor) -> QuerySet[ResourceUserObjectPermission]:
    """Return the roles on single resources, one row each: of all, of the tenant for who runs it, else one's own.

    Annotated with `role` and `tenant_id`. Each role includes the permission to view, whose row stands for it.
    """
    rows = ResourceUserObjectPermission.objects.filter(permission__codename=ROLE_PERMISSIONS[Role.VIEWER][0])
    rows = rows.select_related("user__tenant", "content_object")
    if runs_tenant(actor):
        rows = rows.filter(user__tenant=actor.tenant)
    elif not is_admin_as_such(actor):
        rows = rows.filter(user=actor.user)
    annotated: QuerySet[ResourceUserObjectPermission] = rows.annotate(
        role=_role_of_row(), tenant_id=F("user__tenant_id")
    )
    return annotated


def _role_of_row() -> Case:
    """Return the greatest role of which the user has the permission that it adds."""
    greatest_first = [role for role in reversed(Role) if role != Role.VIEWER]
    same = ResourceUserObjectPermission.objects.filter(
        user=OuterRef("user"), content_object=OuterRef("content_object")
    )
    return Case(
        *(
            When(Exists(same.filter(permission__codename=ROLE_PERMISSIONS[role][-1])), then=Value(str(role)))
            for role in greatest_first
        ),
        default=Value(str(Role.VIEWER)),
        output_field=CharField(),
    )


@dataclass(frozen=True)
class Membership:
    """A role of a user in a project; None where the user has none."""

    project: Project
    user: User
    role: Role | None


def memberships_of(user: User) -> list[Membership]:
    """Return the user's role in every project of the tenant, in the projects' order."""
    projects = Project.objects.filter(tenant=user.tenant)
    held = held_roles(user)
    return [Membership(project, user, held.get(project)) for project in projects]


def memberships_in(project: Project) -> list[Membership]:
    """Return the sub-accounts that have a role in the project."""
    granted = ProjectUserObjectPermission.objects.filter(content_object=project).values("user")
    users = with_grants(User.objects.filter(pk__in=granted).order_by("username"))
    return [Membership(project, user, held_roles(user).get(project)) for user in users]


def with_grants(users: QuerySet[User]) -> QuerySet[User]:
    """Prefetch what `held_roles` reads."""
    return users.prefetch_related(
        "projectuserobjectpermission_set__permission", "projectuserobjectpermission_set__content_object"
    )


def held_roles(user: User) -> dict[Project, Role]:
    """Return the user's roles by project. Costs no query on rows of `with_grants`."""
    codenames: dict[Project, set[str]] = {}
    for grant in user.projectuserobjectpermission_set.all():
        codenames.setdefault(grant.content_object, set()).add(grant.permission.codename)
    held = {project: _role(names) for project, names in codenames.items()}
    return {project: role for project, role in held.items() if role is not None}


def _role(codenames: set[str]) -> Role | None:
    held = [Role(role) for role, permissions in ROLE_PERMISSIONS.items() if codenames.issuperset(permissions)]
    return held[-1] if held else None
