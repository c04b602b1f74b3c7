"""Making things differ from their rows, letting time pass, and looking."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from apps.compute.models import Vm
from apps.infrastructure.reports import collect
from apps.lifecycle.engine import execute
from apps.lifecycle.models import Operation, OperationStatus, Resource
from apps.reconciliation import tasks
from apps.reconciliation.models import Finding, FindingState, Look
from apps.reconciliation.rules import GRACE

#: Longer than any grace or turn.
A_WHILE = timedelta(minutes=1) + GRACE


def later(by: timedelta = A_WHILE) -> None:
    """Let time pass, by having everything happened earlier."""
    Resource.objects.update(updated_at=F("updated_at") - by)
    Vm.objects.update(power_seen_at=F("power_seen_at") - by)
    Operation.objects.filter(finished_at__isnull=False).update(finished_at=F("finished_at") - by)
    Finding.objects.update(first_seen_at=F("first_seen_at") - by, last_seen_at=F("last_seen_at") - by)
    Look.objects.all().delete()


def look() -> None:
    """Take one look at everything: hosts report, and beat has its turn."""
    collect()
    tasks.look()


def look_twice() -> None:
    """Take two looks in a row, with enough time before each."""
    for _ in range(2):
        later()
        look()


def findings(**which: object) -> list[Finding]:
    """Return the confirmed findings that are not settled."""
    shown = (
        Finding.objects.live().shown().select_related("host", "storage_cluster", "region", "resource__as_vm")
    )
    return list(shown.filter(**which).order_by("first_seen_at", "kind"))


def the_finding(**which: object) -> Finding:
    """Return the one confirmed finding there is."""
    (only,) = findings(**which)
    return only


def work() -> list[str]:
    """Carry out every open operation; return their verbs. All must succeed."""
    done = []
    for operation in Operation.objects.open().order_by("sequence"):
        execute(operation.pk)
        operation.refresh_from_db()
        assert operation.status == OperationStatus.DONE, (operation.verb, operation.error)
        done.append(operation.verb)
    return done


def work_with_patience() -> None:
    """Carry out the open operation, its retries at once."""
    for _ in range(4):
        Operation.objects.open().update(not_before=timezone.now())
        for operation in Operation.objects.open():
            execute(operation.pk)
    assert not Operation.objects.open().exists()


def repaired() -> list[tuple[str, str, str]]:
    """Return rule, aspect and kind of what has been put right."""
    rows = Finding.objects.filter(state=FindingState.REPAIRED).order_by("rule", "aspect", "kind")
    return list(rows.values_list("rule", "aspect", "kind"))
