"""Writing down what a look has seen: new suspicions, confirmed findings, and what is true no longer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.lifecycle import push
from apps.lifecycle.told import keep
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.rules import GRACE, LOOKS, at_rest, text_of

_BATCH = 500


@dataclass(frozen=True)
class Place:
    """Where something was looked at; one of the three is given. `name` is for people."""

    name: str
    host: UUID | None = None
    storage_cluster: int | None = None
    region: int | None = None


@dataclass(frozen=True)
class Difference:
    """One difference a look has seen. `values` are those of the sentence besides the place's name."""

    rule: Rule
    kind: str
    target: UUID
    place: Place
    aspect: str = ""
    name: str = ""
    resource: UUID | None = None
    tenant: int | None = None
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[Any, ...]:
        """What makes it the same difference in the next look."""
        place = self.place
        return (
            self.rule,
            self.aspect,
            self.kind,
            self.target,
            place.host,
            place.storage_cluster,
            place.region,
        )

    def kept(self) -> dict[str, Any]:
        """Return the sentence."""
        values = {"place": self.place.name, **self.values}
        return keep(text_of(self.rule, self.aspect, self.kind, values.get("found")), values)

    def finding(self, at: datetime) -> Finding:
        """Return a new suspicion, not saved."""
        return Finding(
            rule=self.rule,
            aspect=self.aspect,
            kind=self.kind,
            target_id=self.target,
            name=self.name,
            resource_id=self.resource,
            tenant_id=self.tenant,
            host_id=self.place.host,
            storage_cluster_id=self.place.storage_cluster,
            region_id=self.place.region,
            kept=self.kept(),
            seen=self.values,
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
    fresh = [difference.finding(now) for key, difference in seen.items() if key not in findings]
    Finding.objects.bulk_create(fresh, ignore_conflicts=True, batch_size=_BATCH)


def confirm() -> int:
    """Open what has been suspected for long enough; return how many."""
    now = timezone.now()
    old_enough = ~Q(rule=Rule.ORPHAN) | Q(first_seen_at__lte=now - GRACE)
    suspected = Finding.objects.filter(state=FindingState.SUSPECTED, looks__gte=LOOKS)
    opened = suspected.filter(old_enough).update(state=FindingState.OPEN)
    if opened:
        tell()
    return opened


def tell() -> None:
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
        kept = seen[_key(finding)].kept()
        if finding.kept != kept:
            finding.kept, finding.seen = kept, seen[_key(finding)].values
            changed.append(finding)
    Finding.objects.bulk_update(changed, ["kept", "seen"], batch_size=_BATCH)


def _vanished(vanished: Sequence[Finding], now: datetime) -> None:
    """Forget suspicions, end what is true no longer. What is being mended ends with its operation.

    A row that is at work is not judged, so its not being seen says nothing.
    """
    ids = [finding.pk for finding in vanished if finding.state != FindingState.MENDING]
    if not ids:
        return
    Finding.objects.filter(pk__in=ids, state=FindingState.SUSPECTED).delete()
    judged = Q(resource__isnull=True) | (Q(resource__isnull=False) & at_rest("resource__"))
    gone = Finding.objects.filter(judged, pk__in=ids).update(state=FindingState.GONE, settled_at=now)
    if gone:
        tell()
