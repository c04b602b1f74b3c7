"""Snapshots of all disks of a VM at one instant."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.compute.verbs import VM_SNAPSHOT_DISKS
from apps.lifecycle import push
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.storage.models import Consistency, Snapshot
from apps.storage.operations.common import taken_at_rest, volumes_of
from apps.storage.specs import snapshot_spec


@handles(VM_SNAPSHOT_DISKS)
def snapshot_disks(run: OperationContext) -> Settle:
    """Hold the guest, keep what each disk holds, let it go on.

    What an earlier attempt kept is of another instant, and is taken anew.
    """
    rows = Snapshot.objects.select_related("disk__cluster__region", "disk__vm__host", "disk__copied_from")
    snapshots = list(rows.filter(pk__in=run.operation.args["snapshots"]).order_by("disk__slot"))
    run.step(_("Taking snapshots of %(count)s disks"), 30, count=len(snapshots))
    for snapshot in snapshots:
        volumes_of(snapshot.disk, run).ensure_snapshot_absent(snapshot_spec(snapshot))

    def take() -> None:
        for snapshot in snapshots:
            volumes_of(snapshot.disk, run).ensure_snapshot(snapshot_spec(snapshot))

    consistency = taken_at_rest(run, snapshots[0].disk, take, several=True)
    return lambda: _settle(snapshots, consistency)


def _settle(snapshots: Sequence[Snapshot], consistency: Consistency) -> None:
    ids = [snapshot.pk for snapshot in snapshots]
    Resource.objects.filter(pk__in=ids).update(
        state=State.READY, error={}, observed_generation=F("generation"), updated_at=Now()
    )
    Snapshot.objects.filter(pk__in=ids).update(taken_at=Now(), consistency=consistency)
    for snapshot in snapshots:
        push.resource_changed(snapshot)
