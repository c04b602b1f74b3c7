"""Projects (business groups) of a tenant."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from apps.accounts.access import allow
from apps.accounts.labels import MAX_DESCRIPTION
from apps.accounts.models import Project, Tenant
from apps.accounts.single_line import clean_line
from apps.accounts.verbs import PROJECT_CREATE, PROJECT_DELETE, PROJECT_EDIT
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.errors import InUse, Invalid, NotNow
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed
from apps.tenancy.services.accounts import clean_name
from apps.tenancy.services.holding import drop_grants, hold_project

#: So many of the resources that keep a project from being deleted are named.
NAMED = 20


@serves(PROJECT_CREATE)
@transaction.atomic
def create_project(actor: Actor, tenant: Tenant, name: str, *, description: str = "") -> Project:
    """Make a project. Raises Forbidden or Invalid."""
    allowed = allow(actor, PROJECT_CREATE, project=None, tenant_id=tenant.pk)
    return add_project(allowed, tenant, name, description)


def add_project(allowed: Allowed, tenant: Tenant, name: str, description: str = "") -> Project:
    """Insert and record a project (`allowed` is PROJECT_CREATE). Call in a transaction."""
    project = Project(
        tenant=tenant,
        name=clean_name(name),
        description=clean_line("description", description, MAX_DESCRIPTION),
    )
    try:
        with transaction.atomic():
            project.save(force_insert=True)
    except IntegrityError as error:
        raise _taken() from error
    allowed.record(tenant=tenant, name=project.name, target_id=project.uid)
    return project


@serves(PROJECT_EDIT)
@transaction.atomic
def edit_project(
    actor: Actor, project: Project, *, name: str | None = None, description: str | None = None
) -> Project:
    """Change name or description; None leaves one as it is. Raises Forbidden or Invalid."""
    allowed = allow(actor, PROJECT_EDIT, project=None, tenant_id=project.tenant_id)
    project = (
        Project.objects.select_for_update(of=("self",), no_key=True)
        .select_related("tenant")
        .get(pk=project.pk)
    )
    project.name = project.name if name is None else clean_name(name)
    project.description = (
        project.description
        if description is None
        else clean_line("description", description, MAX_DESCRIPTION)
    )
    try:
        with transaction.atomic():
            project.save(update_fields=["name", "description"])
    except IntegrityError as error:
        raise _taken() from error
    allowed.record(tenant=project.tenant, name=project.name, target_id=project.uid)
    return project


@serves(PROJECT_DELETE)
def delete_project(actor: Actor, project: Project) -> None:
    """Delete an empty project. Raises Forbidden, NotNow for the default one, InUse while it has resources."""
    allowed = allow(actor, PROJECT_DELETE, project=None, tenant_id=project.tenant_id)
    if project.is_default:
        raise NotNow(_("The default project cannot be deleted."))
    try:
        with transaction.atomic():
            hold_project(project)
            _ensure_empty(project)
            drop_grants(content_object=project)
            Project.objects.filter(pk=project.pk).delete()
            # Foreign keys are otherwise checked at the caller's commit, which comes after this can be answered.
            connection.check_constraints()
            allowed.record(tenant=project.tenant, name=project.name, target_id=project.uid)
    except IntegrityError as error:
        raise InUse(_("A resource was just created in the project.")) from error


def _ensure_empty(project: Project) -> None:
    resources = Resource.objects.filter(project=project).order_by("kind", "name")
    count = resources.count()
    if not count:
        return
    named = [{"kind": r.kind, "id": str(r.pk), "name": r.name} for r in resources[:NAMED]]
    raise InUse(
        _("The project still has %(count)s resources: %(names)s.")
        % {"count": count, "names": ", ".join(str(n["name"]) for n in named)},
        hint=_("Delete these resources or move them to another project first."),
        details={"resources": named, "count": count},
    )


def _taken() -> Invalid:
    return Invalid({"name": [_("A project with this name already exists.")]})
