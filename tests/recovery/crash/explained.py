"""Which findings of the reconciler the campaign itself explains."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.lifecycle.models import Operation, OperationStatus
from apps.reconciliation.models import Finding, FindingState, Rule
from tests.recovery.crash.recipes import PLANTED


def unexplained() -> QuerySet[Finding]:
    """Return what the reconciler has found that no operation explains which was refused for good.

    One of these leaves a difference until somebody repairs it, in its target or in a part of that which is compared by
    itself, as a VM's port. A slow campaign gives the reconciler time to see it.
    """
    target = Q(target_id=OuterRef("target_id")) | Q(target_id=OuterRef("resource_id"))
    of_refused = Finding.objects.filter(
        Exists(Operation.objects.filter(target, status=OperationStatus.FAILED))
    )
    repaired = Q(pk__in=of_refused.filter(state=FindingState.REPAIRED))
    deleted = Q(pk__in=of_refused.filter(rule=Rule.STALE, resource=None))
    return Finding.objects.shown().exclude(name=PLANTED).exclude(repaired | deleted)
