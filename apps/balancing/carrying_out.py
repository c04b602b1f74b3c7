"""Carrying rebalancings out: every few seconds, so many migrations are started that a few are open."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.auth_backend import usable
from apps.balancing.models import Rebalancing
from apps.compute.models import Vm
from apps.compute.services.migration import migrate_vm
from apps.lifecycle import batches, push
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import BatchItem, BatchOutcome, Operation
from apps.lifecycle.models.operation import OPEN

#: Migrations of a rebalancing that are open at a time: a worker watches two of them.
AT_ONCE = 4


def carry_on_rebalancings() -> None:
    """Start what may be started of each, and close those that are done."""
    for pk in (
        Rebalancing.objects.filter(finished_at=None).order_by("created_at").values_list("pk", flat=True)
    ):
        # Of two workers one carries on.
        with transaction.atomic():
            mine = Rebalancing.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
            found = mine.filter(pk=pk, finished_at=None).select_related("batch__actor", "cluster").first()
            if found is not None:
                _carry_on(found)


def _carry_on(found: Rebalancing) -> None:
    waiting = found.batch.items.filter(outcome=BatchOutcome.WAITING)
    free = AT_ONCE - _open(found).count()
    user = found.batch.actor
    if user is None or not usable(user):
        waiting.update(outcome=BatchOutcome.REFUSED, code="access.ended")  # whoever applied it is gone
    elif free > 0:
        rows = {
            str(vm.pk): vm for vm in Vm.objects.filter(pk__in=list(waiting.values_list("target", flat=True)))
        }
        actor = Actor(user=user, via="portal")
        batches.carry_out(actor, found.batch, rows, lambda vm: _migrate(actor, found, vm), most=free)
    if not waiting.exists() and not _open(found).exists():
        Rebalancing.objects.filter(pk=found.pk).update(finished_at=timezone.now())
        push.row_changed("compute_cluster", found.cluster_id)


def _migrate(actor: Actor, found: Rebalancing, vm: Vm) -> Operation:
    move = found.moves[str(vm.pk)]
    return migrate_vm(actor, vm, host=move["to"], from_host=move["from"])


def _open(found: Rebalancing) -> QuerySet[BatchItem]:
    return found.batch.items.filter(operation__status__in=OPEN)
