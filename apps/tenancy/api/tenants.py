"""Tenants: all of them for admins, the own one for everybody else."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.accounts.models import Tenant
from apps.accounts.selectors import visible_tenants
from apps.accounts.verbs import (
    TENANT_CREATE,
    TENANT_DELETE,
    TENANT_DISABLE,
    TENANT_EDIT,
    TENANT_ENABLE,
)
from apps.api import limits
from apps.api.bodies import Labels, LineField
from apps.api.declarations import Action, Create, Update
from apps.api.representation import Out, moment
from apps.api.views import ObjectApi
from apps.api.vocabulary import one_of
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.tenancy.filters import TenantFilter
from apps.tenancy.services import tenants


class TenantBody(serializers.Serializer[Any]):
    name = LineField(max_length=63)
    owner_username = serializers.CharField(max_length=63)
    owner_email = serializers.EmailField(
        max_length=limits.EMAIL, required=False, allow_blank=True, default=""
    )
    description = LineField(max_length=255, required=False, allow_blank=True, default="")


class TenantOut(Out):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    status = one_of(["enabled", "disabled"])
    enabled = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    owner_password = serializers.CharField(
        allow_null=True,
        help_text="Returned only when the tenant is created. Must be changed at first login.",
    )

    @staticmethod
    def own(row: Tenant) -> dict[str, Any]:
        """Return the tenant's values."""
        return {
            "id": str(row.uid),
            "name": row.name,
            "description": row.description,
            "status": "enabled" if row.enabled else "disabled",
            "enabled": row.enabled,
            "created_at": moment(row.created_at),
            "owner_password": getattr(row, "owner_password", None),
        }


def _create(actor: Actor, **body: Any) -> Tenant:
    tenant, _owner, password = tenants.create_tenant(
        actor, body.pop("name"), body.pop("owner_username"), **body
    )
    tenant.owner_password = password  # type: ignore[attr-defined]  # for this one answer
    return tenant


class TenantsApi(ObjectApi):
    """Customers of the cloud. Each tenant has an owner, a default project, quotas and a default network."""

    model = Tenant
    out = TenantOut
    filterset_class = TenantFilter
    key = "uid"
    secrets = ("owner_password",)
    create = Create(TENANT_CREATE, TenantBody, _create, immediate=True)
    update = Update(TENANT_EDIT, Labels, immediate=True)
    delete = Action(TENANT_DELETE, immediate=True, bulk=False)
    actions = (
        Action(TENANT_DISABLE, immediate=True),
        Action(TENANT_ENABLE, immediate=True),
    )

    def locked(self, row: Tenant) -> None:
        """Lock the tenant; to delete it, what is in it first, in the order of the service."""
        if self.request.method == "DELETE":
            tenants.hold_all(row)
        else:
            super().locked(row)

    def visible(self, actor: Actor) -> QuerySet[Tenant]:
        """Return the tenants in view."""
        return visible_tenants(actor)


def named_tenant(actor: Actor, uid: UUID | None) -> Tenant:
    """Return the tenant of a body's `tenant`, or the one acted for. Raises Invalid."""
    if uid is None and actor.tenant is not None:
        return actor.tenant
    found = visible_tenants(actor).filter(uid=uid).first() if uid else None
    if found is None:
        raise Invalid({"tenant": [_("Tenant not found.") if uid else _("Specify a tenant.")]})
    return found
