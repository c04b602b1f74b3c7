"""Carrying out one verb on many rows: a transaction for each, an answer for each, nothing done twice.

The batch and its items are written first. Then each item is locked, carried out and answered in a transaction of its
own: a refusal undoes nothing but itself, a request that comes twice waits at the item and finds it answered, and what a
dying process left waiting is taken up when the request comes again. So is what a request did not reach: none works on
items for longer than BUDGET, however many it names.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.record import record, record_refusals
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, KeyReused, NotFound, Refused
from apps.lifecycle.models import Batch, BatchItem, BatchOutcome, Operation
from apps.lifecycle.verbs import Verb

log = logging.getLogger(__name__)

#: Most rows one batch may name.
MOST = 500
#: Processor seconds that a request spends on items at most: with what is before and after, less than 1 s (SE-8).
BUDGET = 0.4
#: How long outcomes can be read again.
KEPT = timedelta(days=30)


def open_batch(
    actor: Actor, kind: str, verb: Verb, targets: Sequence[tuple[str, str]], values: object, key: str = ""
) -> tuple[Batch, bool]:
    """Write what is wanted; return it and whether it is new: the actor's same `key` brings back the same batch.

    targets: (what stands in paths, name) of each row, in order. values: what all of them are given.
    Raises Invalid for none or more than MOST, KeyReused when the key came with something else.
    """
    if not 1 <= len(targets) <= MOST:
        raise Invalid({"ids": [_("1 to %(most)s at a time.") % {"most": MOST}]})
    batch = Batch(
        kind=kind,
        verb=verb.name,
        actor=actor.user,
        tenant=actor.tenant,
        key=key,
        fingerprint=_fingerprint(kind, verb, [target for target, _name in targets], values),
    )
    with transaction.atomic():
        # ON CONFLICT DO NOTHING waits for a transaction that is inserting the same key.
        Batch.objects.bulk_create([batch], ignore_conflicts=True)
        kept = Batch.objects.get(actor=actor.user, key=key) if key else batch
        if kept.pk == batch.pk:
            BatchItem.objects.bulk_create(
                BatchItem(batch=batch, position=position, target=target, name=name)
                for position, (target, name) in enumerate(targets)
            )
    if kept.fingerprint != batch.fingerprint:
        raise KeyReused
    return kept, kept.pk == batch.pk


def carry_out(
    actor: Actor, batch: Batch, rows: Mapping[str, Any], act: Callable[[Any], Any], most: int = MOST
) -> int:
    """Call `act(row)` for items that have no answer yet, one at least, until BUDGET is spent; return how many are left.

    rows: those in view, by what stands in paths. What is not among them is answered first, all at once.
    most: so many are tried in this call.
    """
    waiting = batch.items.filter(outcome=BatchOutcome.WAITING)
    until = time.thread_time() + BUDGET
    items = list(waiting.order_by("position"))
    _all_not_found(actor, batch, [item.pk for item in items if item.target not in rows])
    there = [item for item in items if item.target in rows]
    for item in there[:most]:
        try:
            _carry_out(item, rows[item.target], act)
        except Refused as error:
            _refused(actor, batch, item, error)
        except Exception:
            # The others are requested all the same.
            log.exception("batch %s, item %s", batch.pk, item.target)
            _refused(actor, batch, item, _bug())
        if time.thread_time() >= until:
            break
    return waiting.count()


def forget_old() -> int:
    """Delete batches older than KEPT; return how many rows went."""
    return Batch.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


@transaction.atomic
def _carry_out(item: BatchItem, row: Any, act: Callable[[Any], Any]) -> None:
    if not BatchItem.objects.select_for_update().filter(pk=item.pk, outcome=BatchOutcome.WAITING).exists():
        return
    made = act(row)
    operation = made if isinstance(made, Operation) else None
    BatchItem.objects.filter(pk=item.pk).update(
        operation=operation, outcome=BatchOutcome.ACCEPTED if operation else BatchOutcome.DONE
    )


@transaction.atomic
def _all_not_found(actor: Actor, batch: Batch, items: Sequence[int]) -> None:
    """Answer what is not in view, all at once: anybody can name 500 of these."""
    error = NotFound(_("Resource not found."), hint=_("The resource may have been deleted."))
    rows = BatchItem.objects.filter(pk__in=items, outcome=BatchOutcome.WAITING).order_by("pk")
    held = list(rows.select_for_update())
    BatchItem.objects.filter(pk__in=[item.pk for item in held]).update(
        outcome=BatchOutcome.NOT_FOUND, code=error.code, message=error.message, hint=error.hint
    )
    record_refusals(actor, batch.verb, [_uuid(item.target) for item in held], error.code)


@transaction.atomic
def _refused(actor: Actor, batch: Batch, item: BatchItem, error: Refused) -> None:
    outcome = BatchOutcome.NOT_FOUND if isinstance(error, NotFound) else BatchOutcome.REFUSED
    answered = BatchItem.objects.filter(pk=item.pk, outcome=BatchOutcome.WAITING).update(
        outcome=outcome, code=error.code, message=error.message, hint=error.hint
    )
    if answered:
        record(actor, batch.verb, target_id=_uuid(item.target), outcome=error.code)


def _bug() -> Refused:
    return Refused(
        _("Internal error."),
        code="platform.bug",
        hint=_("Retry. If this happens again, give the request ID to the administrator."),
    )


def _uuid(target: str) -> UUID | None:
    try:
        return UUID(target)
    except ValueError:
        return None


def _fingerprint(kind: str, verb: Verb, targets: Sequence[str], values: object) -> str:
    text = json.dumps([kind, verb.name, list(targets), values], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
