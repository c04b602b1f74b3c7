"""What was requested and accepted, and did not reach the network: it is finished without anybody asking again.

An operation may fail for good while the network does not answer, or be pushed aside by one on the VM. The rows of EIPs
and elastic NICs say by then what was requested: a resync brings the network up to them. The routes of a segment are
handed out again by the change that failed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.acts import service_of
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, OperationLock, OperationStatus, Resource, State
from apps.lifecycle.verbs import Verb
from apps.network.models import Eip, Eni, ExternalSegment
from apps.network.verbs.eip import EIP_RESYNC
from apps.network.verbs.eni import ENI_RESYNC
from apps.network.verbs.external_segment import SEGMENT_CHANGE
from apps.reconciliation.retry_failed import retry
from apps.reconciliation.rules import GRACE, MOST_TRIES, TRIES_WITHIN

log = logging.getLogger(__name__)

#: So many of a kind in one round; the next comes in seconds. LOOKED_AT: of so many, those whose VM is busy are passed
#: by, so that a VM with many addresses keeps nobody else's waiting.
AT_ONCE, LOOKED_AT = 50, 1000


def finish_changes() -> int:
    """Request what finishes changes that were left half-way; return how many operations that took."""
    done = _request(unfinished_eips(), partial(_resync, EIP_RESYNC))
    done += _request(unfinished_enis(), partial(_resync, ENI_RESYNC))
    return done + _request(unfinished_segments(), _retry)


def _request(rows: QuerySet[Any], finish: Callable[[Any], bool]) -> int:
    """Request the operations of the first rows that have one now; return how many these are."""
    return len(list(islice(filter(finish, rows[:LOOKED_AT]), AT_ONCE)))


def unfinished_eips() -> QuerySet[Eip]:
    """Return the EIPs whose network may not be as their rows say: also those that may still be at a former carrier."""
    return _due(Eip.objects.all(), _lags(EIP_RESYNC) | ~Q(leaving=[]), EIP_RESYNC)


def unfinished_enis() -> QuerySet[Eni]:
    """Return the elastic NICs whose port, or VM, may not be as their rows say."""
    return _due(Eni.objects.all(), _lags(ENI_RESYNC), ENI_RESYNC)


def unfinished_segments() -> QuerySet[ExternalSegment]:
    """Return the segments whose change has not reached all their addresses."""
    return _due(ExternalSegment.objects.all(), Q(error__verb=SEGMENT_CHANGE.name), SEGMENT_CHANGE)


def _lags(resync: Verb) -> Q:
    """Whether a change was not applied, or a resync was not carried out."""
    return Q(observed_generation__lt=F("generation")) | Q(error__verb=resync.name)


def _due(rows: QuerySet[Any], unfinished: Q, again: Verb) -> QuerySet[Any]:
    """Return those that nothing is at. One that failed waits for a while; after some failures, until they are old."""
    now = timezone.now()
    of_row = Operation.objects.filter(target_id=OuterRef("pk"), exclusive=True)
    failed = of_row.filter(status=OperationStatus.FAILED)
    too_often = failed.filter(verb=again.name, finished_at__gt=now - TRIES_WITHIN).order_by("-finished_at")
    too_often = too_often[MOST_TRIES - 1 : MOST_TRIES]
    return (
        rows.filter(unfinished, state=State.READY)
        .exclude(Exists(of_row.open()))
        .exclude(Exists(OperationLock.objects.filter(resource=OuterRef("pk"))))
        .exclude(Exists(failed.filter(finished_at__gt=now - GRACE)))
        .exclude(Exists(too_often))
        .order_by("updated_at", "pk")
    )


def _resync(verb: Verb, row: Resource) -> bool:
    try:
        service_of(verb)(SYSTEM, row)
    except Refused as refusal:  # its carrier or VM is busy: another round will do
        log.info("%s not finished now: %s", row, refusal.message)
        return False
    return True


def _retry(segment: ExternalSegment) -> bool:
    try:
        retry(SYSTEM, segment)
    except Refused as refusal:
        log.info("%s not finished now: %s", segment, refusal.message)
        return False
    return True
