"""Who sees what of balancing: administrators as such, all of it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.balancing.models import Decision, Rebalancing
from apps.infrastructure.models import ComputeCluster
from apps.infrastructure.selectors import sees_hosts
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import NotFound


def cluster_to_balance(actor: Actor, key: int) -> ComputeCluster:
    """Return a cluster for an administrator as such. Raises NotFound."""
    found = ComputeCluster.objects.filter(pk=key).first() if sees_hosts(actor) else None
    if found is None:
        raise NotFound(_("This compute cluster was not found."))
    return found


def visible_decisions(actor: Actor) -> QuerySet[Decision]:
    """Return the lines of the balancing logs."""
    rows = Decision.objects.select_related("cluster", "host", "target", "vm", "operation")
    return rows if sees_hosts(actor) else rows.none()


def visible_rebalancings(actor: Actor) -> QuerySet[Rebalancing]:
    """Return the rebalancings."""
    rows = Rebalancing.objects.select_related("cluster", "batch__actor").prefetch_related(
        "batch__items__operation"
    )
    return rows if sees_hosts(actor) else rows.none()
