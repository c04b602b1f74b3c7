"""Roles on single resources: given and taken by who runs the tenant."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.models import ROLE_PERMISSIONS, ResourceUserObjectPermission, Role, User
from apps.accounts.selectors import visible_members, visible_resource_roles
from apps.accounts.verbs import RESOURCE_ROLE_CREATE, RESOURCE_ROLE_DELETE
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed
from apps.tenancy.services.holding import drop_resource_grants, hold_user


@serves(RESOURCE_ROLE_CREATE)
@transaction.atomic
def give_resource_role(
    actor: Actor, *, member: UUID, resource: UUID, role: str
) -> ResourceUserObjectPermission:
    """Set what a member may do with one resource, whatever its role there was. Raises Forbidden or Invalid."""
    tenant_id = actor.tenant.pk if actor.tenant else None
    user = visible_members(actor).filter(uid=member).first()
    allowed = allow(
        actor, RESOURCE_ROLE_CREATE, project=None, tenant_id=user.tenant_id if user else tenant_id
    )
    if user is None:
        raise Invalid({"member": [_("Member not found.")]})
    hold_user(user)
    row = _hold_resource(user, resource)
    _replace(user, row, Role(role))
    push.rights_changed(user.pk)
    _record(allowed, user, row, role)
    return visible_resource_roles(actor).get(user=user, content_object=row)


@serves(RESOURCE_ROLE_DELETE)
@transaction.atomic
def take_resource_role(actor: Actor, given: ResourceUserObjectPermission) -> None:
    """Take a role on one resource away. Raises Forbidden, or NotFound when the member has been removed meanwhile."""
    allowed = allow(actor, RESOURCE_ROLE_DELETE, project=None, tenant_id=given.user.tenant_id)
    hold_user(given.user)
    drop_resource_grants(user=given.user, content_object=given.content_object)
    push.rights_changed(given.user.pk)
    _record(allowed, given.user, given.content_object, "")


def _hold_resource(user: User, resource: UUID) -> Resource:
    """Lock the resource, so that it is not deleted meanwhile, and return it."""
    rows = Resource.objects.select_for_update(no_key=True, of=("self",))
    found = rows.filter(pk=resource, tenant=user.tenant).first() if user.tenant else None
    if found is None:
        raise Invalid({"resource": [_("Resource not found in this account.")]})
    return found


def _replace(user: User, resource: Resource, role: Role) -> None:
    """Leave the row of the permission to view as it is: its key is that of the role."""
    held = drop_resource_grants(ROLE_PERMISSIONS[role], user=user, content_object=resource)
    permissions = Permission.objects.filter(
        content_type__app_label=Resource._meta.app_label,
        content_type__model=Resource._meta.model_name,
        codename__in=set(ROLE_PERMISSIONS[role]) - held,
    )
    ResourceUserObjectPermission.objects.bulk_create(
        ResourceUserObjectPermission(user=user, content_object=resource, permission=permission)
        for permission in permissions
    )


def _record(allowed: Allowed, user: User, resource: Resource, role: str) -> None:
    args = {"kind": resource.kind, "resource": resource.name, "role": role}
    allowed.record(tenant=user.tenant, name=user.username, target_id=user.uid, args=args)
