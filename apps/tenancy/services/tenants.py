"""Tenants: made, edited, disabled and enabled by platform admins."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.account_hooks import run_account_hooks
from apps.accounts.labels import MAX_DESCRIPTION
from apps.accounts.models import Project, Tenant, User
from apps.accounts.single_line import clean_line
from apps.accounts.verbs import (
    TENANT_CREATE,
    TENANT_DELETE,
    TENANT_DISABLE,
    TENANT_EDIT,
    TENANT_ENABLE,
)
from apps.lifecycle import push
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import InUse, Invalid, NotFound, NotNow
from apps.lifecycle.in_use import NAMED
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import Verb
from apps.tenancy.services.accounts import clean_name, generate_password, new_user


@serves(TENANT_CREATE)
@transaction.atomic
def create_tenant(
    actor: Actor,
    name: str,
    owner_username: str,
    *,
    owner_password: str = "",
    owner_email: str = "",
    must_change_password: bool = True,
    description: str = "",
) -> tuple[Tenant, User, str]:
    """Make a tenant with its owner, default project, quotas and default network.

    Returns the owner's password, generated unless given, to be shown once. Raises Forbidden or Invalid.
    """
    allowed = allow(actor, TENANT_CREATE, project=None, tenant_id=None)
    tenant = Tenant(
        name=clean_name(name), description=clean_line("description", description, MAX_DESCRIPTION)
    )
    _insert(tenant)
    password = owner_password or generate_password()
    owner = new_user(
        owner_username,
        password,
        email=owner_email,
        must_change=must_change_password,
        tenant=tenant,
        is_tenant_owner=True,
    )
    project = Project.objects.create(tenant=tenant, name="default", is_default=True)
    allowed.record(
        tenant=tenant,
        name=tenant.name,
        target_id=tenant.uid,
        args={"owner": owner.username},
    )
    run_account_hooks(actor, project)
    return tenant, owner, password


@serves(TENANT_EDIT)
@transaction.atomic
def edit_tenant(
    actor: Actor, tenant: Tenant, *, name: str | None = None, description: str | None = None
) -> Tenant:
    """Change name or description; None leaves one as it is. Raises Forbidden or Invalid."""
    allowed = allow(actor, TENANT_EDIT, project=None, tenant_id=None)
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=tenant.pk)
    tenant.name = tenant.name if name is None else clean_name(name)
    tenant.description = (
        tenant.description if description is None else clean_line("description", description, MAX_DESCRIPTION)
    )
    _update(tenant)
    allowed.record(tenant=tenant, name=tenant.name, target_id=tenant.uid)
    return tenant


@serves(TENANT_DISABLE)
def disable_tenant(actor: Actor, tenant: Tenant) -> Tenant:
    """End all access of the tenant's logins and API keys at once; its resources go on running.

    Raises Forbidden or NotNow.
    """
    return _switch(actor, TENANT_DISABLE, tenant, enabled=False)


@serves(TENANT_ENABLE)
def enable_tenant(actor: Actor, tenant: Tenant) -> Tenant:
    """Give access back. Raises Forbidden or NotNow."""
    return _switch(actor, TENANT_ENABLE, tenant, enabled=True)


@serves(TENANT_DELETE)
@transaction.atomic
def delete_tenant(actor: Actor, tenant: Tenant) -> None:
    """Delete a tenant without resources: its logins, API keys, projects and quotas. Its operation log stays.

    Raises Forbidden, NotFound, or InUse with the resources that are left.
    """
    allowed = allow(actor, TENANT_DELETE, project=None, tenant_id=None)
    hold_all(tenant)
    _ensure_empty(tenant)
    push.sessions_ended(tenant.pk)
    try:
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).delete()
            # Foreign keys are otherwise checked at the caller's commit, which comes after this can be answered.
            connection.check_constraints()
    except IntegrityError as error:
        raise InUse(_("A resource was just created in the tenant.")) from error
    allowed.record(name=tenant.name, target_id=tenant.uid)


def hold_all(tenant: Tenant) -> None:
    """Wait for whatever is being created or changed in the tenant. Raises NotFound.

    In the order of all services (docs/concepts/operations.md), and all before anything is deleted: what is created
    holds its quota, and waits for the tenant's row when it commits. So no key is locked while others are waited for.
    """
    for rows in (
        tenant.users.order_by("pk"),
        tenant.projects.order_by("pk"),
        tenant.quotas.order_by("metric"),
    ):
        list(rows.select_for_update(no_key=True).values_list("pk"))
    if not Tenant.objects.select_for_update(no_key=True).filter(pk=tenant.pk):
        raise NotFound(_("Tenant not found."))


def _ensure_empty(tenant: Tenant) -> None:
    resources = Resource.objects.filter(tenant=tenant)
    named = [
        {"kind": row.kind, "id": str(row.pk), "name": row.name}
        for row in resources.order_by("kind", "name", "pk")[:NAMED]
    ]
    if not named:
        return
    count = resources.count() if len(named) == NAMED else len(named)
    raise InUse(
        _("The tenant still has %(count)s resources: %(names)s.")
        % {"count": count, "names": ", ".join(each["name"] for each in named)},
        hint=_("Act as the tenant and delete them first."),
        details={"resources": named, "count": count},
    )


@transaction.atomic
def _switch(actor: Actor, verb: Verb, tenant: Tenant, *, enabled: bool) -> Tenant:
    allowed = allow(actor, verb, project=None, tenant_id=None)
    if not Tenant.objects.filter(pk=tenant.pk, enabled=not enabled).update(enabled=enabled):
        raise NotNow(_("The tenant is already enabled.") if enabled else _("The tenant is already disabled."))
    allowed.record(tenant=tenant, name=tenant.name, target_id=tenant.uid)
    tenant.enabled = enabled
    if not enabled:
        push.sessions_ended(tenant.pk)
    return tenant


def _insert(tenant: Tenant) -> None:
    try:
        with transaction.atomic():
            tenant.save(force_insert=True)
    except IntegrityError as error:
        raise _taken() from error


def _update(tenant: Tenant) -> None:
    try:
        with transaction.atomic():
            tenant.save(update_fields=["name", "description"])
    except IntegrityError as error:
        raise _taken() from error


def _taken() -> Invalid:
    return Invalid({"name": [_("A tenant with this name already exists.")]})
