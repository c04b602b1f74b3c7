"""What the administrator sees. Tenants see none of it, and an administrator acting as one neither."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, Resource, State
from apps.lifecycle.selectors import with_open_operations
from apps.reconciliation.declared import kinds, kinds_with_rows
from apps.reconciliation.models import Finding, FindingState

#: A worker ends what is past its deadline within this time, and the sweeper half a minute after.
LATE = timedelta(minutes=1)


def visible_findings(actor: Actor) -> QuerySet[Finding]:
    """Return confirmed findings of all states with all a list and `services.actions` want of them: two queries."""
    findings = Finding.objects.shown().select_related(
        "host", "storage_cluster", "region", "tenant", "operation"
    )
    if not _sees_all(actor):
        return findings.none()
    resources = with_open_operations(Resource.objects.select_related(*fetched()))
    return findings.prefetch_related(Prefetch("resource", resources))


def fetched(prefix: str = "") -> list[str]:
    """Return what judging an action reads of rows of kinds, for `select_related`; `prefix` leads to the resource."""
    return [prefix + path for kind in kinds().values() for path in kind.fetch]


def count_open() -> int:
    """Return how many findings wait for somebody."""
    return Finding.objects.filter(state=FindingState.OPEN).count()


def in_trouble(actor: Actor) -> QuerySet[Resource]:
    """Return resources no rule sees: in error, left by a failed operation, or with one open far past its deadline."""
    rows = Resource.objects.filter(kind__in=[kind.kind for kind in kinds_with_rows()])
    if not _sees_all(actor):
        return rows.none()
    late = Operation.objects.open().filter(exclusive=True, deadline__lt=timezone.now() - LATE)
    failed = Resource.objects.filter(Q(state=State.ERROR) | ~Q(error={}))
    # By their keys: an OR over both tables would read all resources of the platform.
    rows = rows.filter(pk__in=failed.values("pk").union(late.values("resource")))
    return with_open_operations(rows.select_related("tenant", "region", *fetched()))


def _sees_all(actor: Actor) -> bool:
    return actor.is_system or (actor.is_admin and actor.tenant is None)
