"""Who may see and do what. Every selector goes through `visible`, every service through `begin` or `allow`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.acting import is_acting, refused_to_administrator
from apps.accounts.models import Project, ProjectUserObjectPermission, ResourceUserObjectPermission
from apps.accounts.recent_proof import ensure_proved
from apps.accounts.scopes import narrowest, reaches
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, NotFound
from apps.lifecycle.legality import ensure_possible, holding
from apps.lifecycle.models import Resource
from apps.lifecycle.requests import Allowed, Change, lock
from apps.lifecycle.verbs import Verb

R = TypeVar("R", bound=Resource)

#: Verb permission → guardian permission on the project, or on the resource.
GRANTED_PERMISSIONS = {"view": "view_resources", "operate": "operate_resources", "manage": "manage_resources"}


def visible(actor: Actor, queryset: QuerySet[R], permission: str = "view") -> QuerySet[R]:
    """Return the resources of the queryset on which the actor has `permission` (view, operate or manage)."""
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return queryset
    if actor.tenant is None:
        return queryset.none()
    mine = queryset.filter(tenant_id=actor.tenant.pk)
    if _has_whole_tenant(actor):
        return mine
    # Resources of the tenant as a whole (project is NULL) may be seen by every member, changed by the owner only.
    everyone = Q(project__isnull=True) if permission == "view" else Q(pk__in=[])
    in_project = Q(project_id__in=_granted(actor, permission))
    return mine.filter(in_project | Q(pk__in=granted_resources(actor, permission)) | everyone)


def visible_projects(actor: Actor, permission: str = "view") -> QuerySet[Project]:
    """Return the projects in which the actor has `permission`."""
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return Project.objects.all()
    projects = Project.objects.filter(tenant=actor.tenant)
    return projects if _has_whole_tenant(actor) else projects.filter(pk__in=_granted(actor, permission))


def get_visible(actor: Actor, queryset: QuerySet[R], pk: object) -> R:
    """Return one resource; NotFound alike when it does not exist and when the actor may not know of it."""
    found = visible(actor, queryset).filter(pk=pk).first()
    if found is None:
        raise _not_found(queryset.model)
    return found


def may(
    actor: Actor, verb: Verb, project_id: int | None, tenant_id: int | None, resource_id: UUID | None = None
) -> bool:
    """Whether the actor's role covers the verb in that project of that tenant, or on that one resource."""
    decided = decided_without_grants(actor, verb, tenant_id)
    if decided is not None:
        return decided
    if _granted(actor, verb.permission).filter(content_object_id=project_id).exists():
        return True
    if resource_id is None or verb.creates:
        return False
    return granted_resources(actor, verb.permission).filter(content_object_id=resource_id).exists()


def decided_without_grants(actor: Actor, verb: Verb, tenant_id: int | None) -> bool | None:
    """Judge by who the actor is; None when it depends on the roles held in projects."""
    if actor.is_system:
        return True
    if actor.user is None or not key_covers(actor, verb) or refused_to_administrator(actor, verb):
        return False
    if verb.permission == "self" or (actor.is_admin and actor.tenant is None):
        return True
    if verb.permission == "admin" or actor.tenant is None or actor.tenant.pk != tenant_id:
        return False
    if _has_whole_tenant(actor):
        return True
    return None if verb.permission in GRANTED_PERMISSIONS else False


def allow(actor: Actor, verb: Verb, *, project: Project | None, tenant_id: int | None) -> Allowed:
    """Return the verb as allowed there, to be requested or recorded. For verbs without an existing resource.

    Raises Forbidden when the actor's role does not cover it; NotRecent, a Forbidden too, when it needs a fresh proof
    and there is none.
    """
    if project is not None and project.tenant_id != tenant_id:
        raise NotFound(_("Project not found."))
    ensure_may(actor, verb, project.pk if project else None, tenant_id)
    return Allowed(actor, verb)


def ensure_may(
    actor: Actor, verb: Verb, project_id: int | None, tenant_id: int | None, resource_id: UUID | None = None
) -> None:
    """Raise Forbidden unless the role, and the API key's scope, cover the verb there; NotRecent without its proof."""
    if not may(actor, verb, project_id, tenant_id, resource_id):
        raise forbidden(actor, verb)
    ensure_proved(actor, verb)


def ensure_in_reach(actor: Actor, verb: Verb) -> None:
    """Raise what refuses the verb whatever it acts on: the API key's scope, or a missing proof."""
    if not key_covers(actor, verb):
        raise _out_of_scope(verb)
    ensure_proved(actor, verb)


def begin(actor: Actor, verb: Verb, resource: R) -> Change[R]:
    """Start a change: the resource read again under lock, permission and legality checked. Call in a transaction.

    Raises NotFound, Forbidden, NotRecent, Busy or NotNow.
    """
    try:
        fresh = lock(resource, visible(actor, Resource.objects.all()))
    except Resource.DoesNotExist:
        raise _not_found(type(resource)) from None
    ensure_may(actor, verb, fresh.project_id, fresh.tenant_id, fresh.pk)
    held = holding([fresh])
    ensure_possible(verb, fresh, held[0] if held else None)
    return Change(actor, verb, fresh, held)


def begin_stale(actor: Actor, verb: Verb, resource: R, is_stale: Callable[[R], bool]) -> Change[R] | None:
    """Start a verb that will change nothing, since what it was meant for is over already; None while it is not.

    It is accepted although it is not possible any more. Call in a transaction. Raises NotFound, Forbidden, NotRecent.
    """
    try:
        fresh = lock(resource, visible(actor, Resource.objects.all()))
    except Resource.DoesNotExist:
        raise _not_found(type(resource)) from None
    if not is_stale(fresh):
        return None
    ensure_may(actor, verb, fresh.project_id, fresh.tenant_id, fresh.pk)
    return Change(actor, verb, fresh, holding([fresh]))


def _not_found(model: type[Resource]) -> NotFound:
    return NotFound(_("This %(kind)s was not found.") % {"kind": model._meta.verbose_name})


def forbidden(actor: Actor, verb: Verb) -> Forbidden:
    """Return the refusal of a verb that the actor's role or key does not cover."""
    if not key_covers(actor, verb):
        return _out_of_scope(verb)
    if reason := refused_to_administrator(actor, verb):
        if is_acting(actor):
            return Forbidden(reason, hint=_("Stop acting as the tenant first, or ask the tenant’s owner."))
        return Forbidden(
            reason, code="tenant.not_acting", hint=_("Open the tenant’s page and act as the tenant.")
        )
    return Forbidden(
        _("Your role does not allow %(verb)s.") % {"verb": verb.label},
        hint=_("Ask the account owner for a role that allows this."),
    )


def _out_of_scope(verb: Verb) -> Forbidden:
    wanted = narrowest(verb)
    if not wanted:
        return Forbidden(
            _("API keys cannot be used for %(verb)s.") % {"verb": verb.label},
            code="key.not_in_person",
            hint=_("Log in to the portal and do this there."),
        )
    return Forbidden(
        _("This API key’s scope does not allow %(verb)s.") % {"verb": verb.label},
        hint=_("Use an API key with scope “%(scope)s”.") % {"scope": wanted},
    )


def _has_whole_tenant(actor: Actor) -> bool:
    user = actor.user
    return user is not None and (user.is_platform_admin or user.is_tenant_owner)


def key_covers(actor: Actor, verb: Verb) -> bool:
    """Whether the scope of the API key, if one is used, covers the verb; the user's role is another matter."""
    return actor.api_key is None or reaches(actor.api_key.scope, verb)


def _granted(actor: Actor, permission: str) -> QuerySet[ProjectUserObjectPermission, int]:
    # Guardian's own shortcuts load permission and content type rows on every call; the direct-key table needs neither.
    return ProjectUserObjectPermission.objects.filter(
        user=actor.user,
        permission__codename=GRANTED_PERMISSIONS[permission],
        content_object__tenant=actor.tenant,
    ).values_list("content_object_id", flat=True)


def granted_among(rows: QuerySet[R]) -> list[UUID]:
    """Return the ids of those of the resources on which somebody has a role of their own."""
    grants = ResourceUserObjectPermission.objects.filter(content_object__in=rows.order_by().values("pk"))
    return list(grants.values_list("content_object_id", flat=True).distinct())


def granted_resources(actor: Actor, permission: str = "view") -> QuerySet[ResourceUserObjectPermission, UUID]:
    """Return the ids of the single resources on which the actor has been given `permission`."""
    return ResourceUserObjectPermission.objects.filter(
        user=actor.user,
        permission__codename=GRANTED_PERMISSIONS[permission],
        content_object__tenant=actor.tenant,
    ).values_list("content_object_id", flat=True)
