"""Writing down what a look has seen: new suspicions, confirmed findings, and what is true no longer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.lifecycle import push
from apps.reconciliation.difference import Difference
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.rules import GRACE, LOOKS, at_rest
from apps.reconciliation.texts import sentence

_BATCH = 500


def finding_of(difference: Difference, at: datetime) -> Finding:
    """Return a new suspicion, not saved."""
    return Finding(
        rule=difference.rule,
        aspect=difference.aspect,
        kind=difference.kind,
        target_id=difference.target,
        name=difference.name,
        resource_id=difference.resource,
        tenant_id=difference.tenant,
        host_id=difference.place.host,
        storage_cluster_id=difference.place.storage_cluster,
        region_id=difference.place.region,
        kept=sentence(difference),
        seen=difference.values,
        first_seen_at=at,
        last_seen_at=at,
    )


@transaction.atomic
def note(known: QuerySet[Finding], differences: Iterable[Difference]) -> None:
    """Bring `known`, the live findings of the places looked at, up to what was seen there: a few statements in all."""
    now = timezone.now()
    seen = {difference.key: difference for difference in differences}
    findings = {_key(finding): finding for finding in known.select_for_update(of=("self",)).order_by("pk")}
    again = [finding for key, finding in findings.items() if key in seen]
    _seen_again(again, seen, now)
    _vanished([finding for key, finding in findings.items() if key not in seen], now)
    fresh = [finding_of(difference, now) for key, difference in seen.items() if key not in findings]
    Finding.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=_BATCH)


def confirm() -> int:
    """Open what has been suspected for long enough; return how many."""
    now = timezone.now()
    old_enough = ~Q(rule=Rule.ORPHAN) | Q(first_seen_at__lte=now - GRACE)
    suspected = Finding.objects.filter(state=FindingState.SUSPECTED, looks__gte=LOOKS)
    opened = suspected.filter(old_enough).update(state=FindingState.OPEN)
    if opened:
        push_findings()
    return opened


def push_findings() -> None:
    """Have open pages of findings look again."""
    push.row_changed("finding", "*")


def _key(finding: Finding) -> tuple[Any, ...]:
    return (
        finding.rule,
        finding.aspect,
        finding.kind,
        finding.target_id,
        finding.host_id,
        finding.storage_cluster_id,
        finding.region_id,
    )


def _seen_again(again: Sequence[Finding], seen: dict[tuple[Any, ...], Difference], now: datetime) -> None:
    Finding.objects.filter(pk__in=[finding.pk for finding in again]).update(
        looks=F("looks") + 1, last_seen_at=now
    )
    changed = []
    for finding in again:
        kept = sentence(seen[_key(finding)])
        if finding.kept != kept:
            finding.kept, finding.seen = kept, seen[_key(finding)].values
            changed.append(finding)
    Finding.objects.bulk_update(changed, ["kept", "seen"], batch_size=_BATCH)


def _vanished(vanished: Sequence[Finding], now: datetime) -> None:
    """Forget suspicions, end what is true no longer. What is being repaired ends with its operation.

    A row that is at work is not judged, so its not being seen says nothing.
    """
    ids = [finding.pk for finding in vanished if finding.state != FindingState.REPAIRING]
    if not ids:
        return
    Finding.objects.filter(pk__in=ids, state=FindingState.SUSPECTED).delete()
    judged = Q(resource__isnull=True) | (Q(resource__isnull=False) & at_rest("resource__"))
    gone = Finding.objects.filter(judged, pk__in=ids).update(state=FindingState.GONE, settled_at=now)
    if gone:
        push_findings()
