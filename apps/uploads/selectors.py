"""Which uploads a user may see."""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from apps.accounts.access import visible_projects
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import OperationStatus
from apps.uploads.models import Upload


def visible_uploads(actor: Actor) -> QuerySet[Upload]:
    """Return the uploads of projects in which the actor may create; an administrator as such sees all."""
    rows = Upload.objects.select_related("tenant", "project", "owner", "operation")
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return rows
    return rows.filter(project__in=visible_projects(actor, "manage"))


def complete_uploads(actor: Actor) -> QuerySet[Upload]:
    """Return those that an image can be made of now: a tenant's, or the administrators' own."""
    rows = visible_uploads(actor).filter(received=F("size"))
    if actor.tenant is None:
        rows = rows.filter(tenant__isnull=True)
    open_ones = Q(operation__status__in=[OperationStatus.QUEUED, OperationStatus.RUNNING])
    return rows.exclude(open_ones).order_by("-created_at", "pk")


def unfinished_uploads(actor: Actor) -> QuerySet[Upload]:
    """Return those that could be gone on with, the newest first."""
    rows = visible_uploads(actor).filter(received__lt=F("size"), operation__isnull=True)
    if actor.tenant is None:
        rows = rows.filter(tenant__isnull=True)
    return rows.order_by("-active_at", "pk")


def idle_uploads(actor: Actor) -> QuerySet[Upload]:
    """Return those that nothing imports now, whole or not, the latest first."""
    open_ones = Q(operation__status__in=[OperationStatus.QUEUED, OperationStatus.RUNNING])
    return visible_uploads(actor).exclude(open_ones).order_by("-active_at", "pk")
