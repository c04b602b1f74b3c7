"""Locks of accounts: logins by id, then a project, then what hangs on them (docs/concepts/operations.md)."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q
from django.utils.translation import gettext as _

from apps.accounts.models import Project, ProjectUserObjectPermission, ResourceUserObjectPermission, User
from apps.lifecycle.errors import NotFound


def hold_user(user: User) -> User:
    """Lock a login for the transaction, before its sessions, keys, factors or roles; return it as it is now.

    Raises NotFound when it has been removed meanwhile.
    """
    held = User.objects.select_for_update(no_key=True, of=("self",)).filter(pk=user.pk).first()
    if held is None:
        raise NotFound(_("This %(kind)s was not found.") % {"kind": User._meta.verbose_name})
    return held


def hold_with_owners(user: User) -> list[User]:
    """Lock a member and the tenant's active owners for the transaction, by id; return them as they are now."""
    owner = Q(is_tenant_owner=True, is_active=True)
    rows = User.objects.select_for_update(no_key=True).filter(Q(pk=user.pk) | owner, tenant=user.tenant)
    return list(rows.order_by("pk"))


def hold_admins(user: User) -> list[User]:
    """Lock an administrator and all active ones for the transaction, by id; return them as they are now."""
    active = Q(is_platform_admin=True, is_active=True)
    rows = User.objects.select_for_update(no_key=True).filter(Q(pk=user.pk) | active)
    return list(rows.order_by("pk"))


def hold_project(project: Project) -> None:
    """Lock a project for the transaction, before roles in it. Raises NotFound when it has been deleted meanwhile."""
    if not Project.objects.select_for_update(no_key=True).filter(pk=project.pk).values_list("pk"):
        raise NotFound(_("Project not found."))


def drop_grants(**of: object) -> None:
    """Take away the roles that match, locked by id: two at once may mean the same rows."""
    rows = ProjectUserObjectPermission.objects.filter(**of)
    held = rows.select_for_update().order_by("pk").values_list("pk", flat=True)
    ProjectUserObjectPermission.objects.filter(pk__in=list(held)).delete()


def drop_resource_grants(keep: Collection[str] = (), **of: object) -> set[str]:
    """Take away the grants on single resources that match, locked by id, but those of `keep`; return which stay."""
    rows = ResourceUserObjectPermission.objects.filter(**of).select_for_update(of=("self",)).order_by("pk")
    held = list(rows.values_list("pk", "permission__codename"))
    gone = [pk for pk, codename in held if codename not in keep]
    ResourceUserObjectPermission.objects.filter(pk__in=gone).delete()
    return {codename for _pk, codename in held if codename in keep}
