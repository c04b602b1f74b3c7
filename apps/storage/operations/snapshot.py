"""What workers do for snapshots."""

from __future__ import annotations

from uuid import UUID

from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource
from apps.lifecycle.operation_context import OperationContext
from apps.quotas.services import release_quota
from apps.reconciliation.operations.common import keep_remaining, repairing
from apps.storage.models import Snapshot
from apps.storage.operations.common import taken_at_rest, volumes_of
from apps.storage.specs import snapshot_spec
from apps.storage.verbs import (
    SNAPSHOT_CREATE,
    SNAPSHOT_DELETE,
    SNAPSHOT_FORCE_CLEAN,
    SNAPSHOT_RETRY,
)


@handles(SNAPSHOT_CREATE)
@handles(SNAPSHOT_RETRY)
def create_snapshot(run: OperationContext) -> Settle:
    """Bring the guest to rest, as far as it can be, and keep what the volume holds.

    What an earlier attempt may have kept is taken anew: nobody knows whether the guest was at rest then.
    """
    snapshot = _load(run.target_id)
    assert snapshot is not None, "nothing removes a snapshot that is being taken"
    volumes, spec = volumes_of(snapshot.disk, run), snapshot_spec(snapshot)
    run.step(_("Taking a snapshot"), 40)
    if run.operation.attempt > 1 or run.operation.verb == SNAPSHOT_RETRY.name:
        volumes.ensure_snapshot_absent(spec)
    consistency = taken_at_rest(run, snapshot.disk, lambda: volumes.ensure_snapshot(spec))
    return lambda: _settle(snapshot, consistency.value)


@handles(SNAPSHOT_DELETE)
def delete_snapshot(run: OperationContext) -> Settle | None:
    """Remove it from its volume."""
    snapshot = _load(run.target_id)
    if snapshot is None:
        return None
    run.step(_("Removing the snapshot"), 50)
    run.no_way_back()
    volumes_of(snapshot.disk, run).ensure_snapshot_absent(snapshot_spec(snapshot))
    return lambda: _settle_deleted(snapshot)


@handles(SNAPSHOT_FORCE_CLEAN)
@repairing
def force_clean_snapshot(run: OperationContext) -> Settle:
    """Remove it, if it can be, and its row."""
    snapshot = _load(run.target_id)
    assert snapshot is not None, "its row is locked"
    run.step(_("Removing the snapshot"), 50)
    keep_remaining(
        run, lambda: volumes_of(snapshot.disk, run).ensure_snapshot_absent(snapshot_spec(snapshot))
    )
    return lambda: _settle_deleted(snapshot)


def _load(pk: UUID) -> Snapshot | None:
    rows = Snapshot.objects.select_related("disk__cluster__region", "disk__vm__host", "disk__copied_from")
    return rows.filter(pk=pk).first()


def _settle(snapshot: Snapshot, consistency: str) -> None:
    Snapshot.objects.filter(pk=snapshot.pk).update(
        taken_at=Now(), consistency=consistency, size_gib=snapshot.disk.size_gib
    )


def _settle_deleted(snapshot: Snapshot) -> None:
    row = Resource.objects.filter(pk=snapshot.pk).select_for_update(no_key=True)
    if not list(row.values_list("pk")):
        return  # its disk has gone, and it has been counted with that
    remove([snapshot])
    if snapshot.tenant_id is not None:
        release_quota(snapshot.tenant_id, {"snapshot": 1})
