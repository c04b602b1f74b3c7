"""Requesting what repairs a finding, automatically where that is safe, and recording the outcome."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from apps.audit.record import record
from apps.infrastructure.models import SILENCE
from apps.lifecycle import dispatch, push
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.acts import service_of
from apps.lifecycle.errors import Busy, Refused
from apps.lifecycle.legality import holding
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource
from apps.lifecycle.requests import lock
from apps.lifecycle.verbs import Verb, removing
from apps.reconciliation.declared import kinds
from apps.reconciliation.finding_writer import push_findings
from apps.reconciliation.models import Finding, FindingState, Rule
from apps.reconciliation.rules import ATTACHED, DOUBLED, MISPLACED, MOST_TRIES, TRIES_WITHIN, at_rest
from apps.reconciliation.verbs import FINDING_FORCE_CLEAN

log = logging.getLogger(__name__)

#: So many resources are taken on in one round; the next comes in seconds.
AT_ONCE = 50


def repair_due_findings() -> int:
    """Request the repair of findings that are safe to repair automatically; return how many operations that took."""
    groups: dict[UUID, list[Finding]] = {}
    for finding in _due()[: AT_ONCE * 2]:
        groups.setdefault(finding.resource_id or finding.pk, []).append(finding)
    return sum(_repair(findings) for findings in list(groups.values())[:AT_ONCE])


def settle_repaired() -> None:
    """Record how repairs ended; findings whose repair failed are open again."""
    ended = Finding.objects.filter(state=FindingState.REPAIRING).exclude(
        operation__status__in=(OperationStatus.QUEUED, OperationStatus.RUNNING)
    )
    now = timezone.now()
    settled = ended.filter(operation__status=OperationStatus.DONE).update(
        state=FindingState.REPAIRED, settled_at=now
    )
    if settled + ended.update(state=FindingState.OPEN):
        push_findings()


def mark_repaired(operation: Operation) -> None:
    """Settle the findings that the operation repaired, in its finishing transaction."""
    repairing = Finding.objects.filter(operation=operation, state=FindingState.REPAIRING)
    if repairing.update(state=FindingState.REPAIRED, settled_at=timezone.now()):
        push_findings()


def request_on_finding(
    actor: Actor, verb: Verb, finding: Finding, *, also: Sequence[Resource] = ()
) -> Operation:
    """Write an operation whose target is a finding, since there is no row for what it removes. `also` are held.

    Call in a transaction with the finding and `also` locked. Raises Busy.
    """
    if held := holding(also) if also else []:
        raise Busy(str(held[0]), details={"operation": str(held[0].pk)})
    operation = Operation(
        verb=verb.name,
        target_id=finding.pk,
        target_kind="finding",
        target_name=finding.name[:63],
        actor=actor.user,
        args={"kind": finding.kind, "id": str(finding.target_id), "place": finding.place},
        exclusive=False,
        deadline=timezone.now() + verb.deadline,
        request_id=actor.request_id,
    )
    operation.save(force_insert=True)
    OperationLock.objects.bulk_create([OperationLock(resource_id=r.pk, operation=operation) for r in also])
    record(
        actor,
        verb.name,
        operation=operation,
        name=finding.name,
        target_id=finding.pk,
        args=operation.args,
    )
    dispatch.dispatch_on_commit(operation)
    push.row_changed("finding", finding.pk)
    return operation


def under_way(findings: QuerySet[Finding], operation: Operation) -> None:
    """Note that an operation is at these findings."""
    findings.update(state=FindingState.REPAIRING, operation=operation)
    push_findings()


def _due() -> QuerySet[Finding]:
    declared = kinds()
    ours = Q()
    for name, kind in declared.items():
        for rule, aspect in kind.safe:
            ours |= Q(rule=rule, aspect=aspect, kind=name)
    # Seen since its row was last changed, and nothing is at work on it.
    resync = [name for name, kind in declared.items() if kind.resync is not None]
    resting = Q(resource__updated_at__lt=F("last_seen_at"), resource__kind__in=resync) & at_rest("resource__")
    in_reach = Q(host__isnull=True) | Q(host__last_report_at__gt=timezone.now() - SILENCE)
    orphaned = Q(resource__isnull=True, rule=Rule.ORPHAN)
    resting &= ~Q(Exists(_undecided(OuterRef("resource"))))
    findings = Finding.objects.filter(ours, in_reach, state=FindingState.OPEN, tries__lt=MOST_TRIES)
    # What others stand on first: a port needs its subnet, which needs its VPC.
    ranks = [When(kind=name, then=Value(kind.rank)) for name, kind in declared.items()]
    return findings.filter(orphaned | resting).order_by(Case(*ranks, default=Value(0)), "first_seen_at", "pk")


def _repair(findings: list[Finding]) -> bool:
    """Ask for one operation for all findings of one resource, or of one thing without a row."""
    if given_up := [finding.pk for finding in findings if _failed_too_often(finding)]:
        Finding.objects.filter(pk__in=given_up).update(tries=MOST_TRIES)
        return False
    try:
        with transaction.atomic():
            return _ask(findings)
    except (Refused, Resource.DoesNotExist) as error:
        log.info("%s not repaired now: %s", findings[0], error)
        return False


def _ask(findings: list[Finding]) -> bool:
    resource = findings[0].resource
    if resource is not None:
        resource = lock(resource)
    # Another beat's round may have been first.
    rows = Finding.objects.filter(pk__in=[finding.pk for finding in findings], state=FindingState.OPEN)
    if len(rows.select_for_update(of=("self",), skip_locked=True).order_by("pk")) < len(findings):
        return False
    if resource is None:
        operation = request_on_finding(SYSTEM, FINDING_FORCE_CLEAN, findings[0])
    else:
        if _undecided(resource.pk).exists():
            return False
        kind = kinds()[resource.kind]
        assert kind.resync is not None, "what is repaired by itself has a resync"
        operation = service_of(kind.resync)(SYSTEM, resource, **kind.resync_args(findings, False))
    rows.update(tries=F("tries") + 1)
    under_way(rows, operation)
    return True


def _undecided(resource: Any) -> QuerySet[Finding]:
    """Return what only a person may decide.

    It was seen on a host that is not its own, it has a disk that a resync would detach while the guest may be using
    it, or it is missing since its deletion failed half-way: it is to go.
    """
    elsewhere = Q(rule=Rule.UNSYNCED, aspect__in=(MISPLACED, DOUBLED, ATTACHED))
    going = Q(rule=Rule.STALE, target_id=F("resource_id"), resource__error__verb__in=removing())
    going &= ~Q(resource__error__code="operation.cancelled")
    return Finding.objects.live().filter(elsewhere | going, resource=resource)


def _failed_too_often(finding: Finding) -> bool:
    """Whether the same was repaired so often lately that another repair would not help."""
    before = Finding.objects.filter(
        rule=finding.rule,
        aspect=finding.aspect,
        kind=finding.kind,
        target_id=finding.target_id,
        state=FindingState.REPAIRED,
        settled_at__gt=timezone.now() - TRIES_WITHIN,
    )
    return before.count() >= MOST_TRIES
