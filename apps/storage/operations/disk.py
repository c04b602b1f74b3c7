"""What workers do for disks on their own. Every handler is safe to run again from its top."""

from __future__ import annotations

from django.db.models.functions import Now
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.specs import CopyProgress
from apps.infrastructure import backends
from apps.infrastructure.space import release_space
from apps.lifecycle import push
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.quotas.services import release_quota
from apps.storage.models import Consistency, Disk, Snapshot
from apps.storage.operations.common import (
    COPY_BEGINS,
    LOOK_AGAIN_SECONDS,
    load_disk,
    percent_of,
    taken_at_rest,
    too_long,
    volumes_of,
    wait_for_copy,
)
from apps.storage.services.disk import finish_copy as request_finish_copy
from apps.storage.specs import copy_point, snapshot_spec, volume_spec
from apps.storage.verbs import (
    DISK_CREATE,
    DISK_DELETE,
    DISK_FINISH_COPY,
    DISK_RETRY,
    DISK_ROLL_BACK,
    copy_takes,
)


@handles(DISK_CREATE)
@handles(DISK_RETRY)
def create_disk(run: OperationContext) -> Settle:
    """Make the volume. One made of another is ready as soon as it can be used; its data may go on being copied."""
    disk = _load(run)
    spec, volumes = volume_spec(disk), backends.volumes(disk.cluster, run)
    if not disk.is_copying:
        run.step(_("Creating the disk"), 30)
        volumes.ensure_volume(spec)
        return lambda: None
    _ensure_copy_point(run, disk)
    run.step(_("Copying the data"), COPY_BEGINS)
    wait_for_copy(run, disk, lambda: volumes.ensure_volume(spec))
    if volumes.ensure_independent(spec).done:
        remove_copy_point(run, disk)
        return lambda: _settle_independent(disk)
    return lambda: _request_rest(disk)


@handles(DISK_FINISH_COPY)
def finish_copy(run: OperationContext) -> Settle | None:
    """Follow the copying of a disk's data until it needs its source no more."""
    disk = load_disk(run.target_id)
    if disk is None or not disk.is_copying:
        return None
    run.step(_("Copying the data"))
    run.extend(run.operation.created_at + copy_takes(disk.size_gib))
    run.wait_until(
        lambda: _is_independent(run, disk),
        within=copy_takes(disk.size_gib),
        error=too_long(),
        every=LOOK_AGAIN_SECONDS,
    )
    remove_copy_point(run, disk)
    return lambda: _settle_independent(disk)


@handles(DISK_DELETE)
def delete_disk(run: OperationContext) -> Settle | None:
    """Remove the volume with its snapshots."""
    disk = load_disk(run.target_id)
    if disk is None:
        return None
    run.step(_("Removing the disk"), 30)
    remove_copy_point(run, disk)
    run.no_way_back()
    volumes_of(disk, run).ensure_volume_absent(volume_spec(disk))
    return lambda: settle_disk_deleted(disk)


@handles(DISK_ROLL_BACK)
def roll_back_disk(run: OperationContext) -> Settle:
    """Take a snapshot of now first, if requested; then put the volume back, and to the size it has."""
    disk = _load(run)
    snapshot = disk.snapshots.get(pk=run.operation.args["snapshot"])
    snapshot.disk = disk
    volumes = volumes_of(disk, run)
    if run.operation.args.get("first"):
        first = disk.snapshots.get(pk=run.operation.args["first"])
        first.disk = disk
        run.step(_("Taking a snapshot"), 20)
        volumes.ensure_snapshot(snapshot_spec(first))
        run.no_way_back()
        # From here on it holds what is about to be lost, whatever becomes of the rest.
        settle_taken(first, Consistency.OFFLINE)
    run.step(_("Rolling back to %(snapshot)s"), 50, snapshot=snapshot.name)
    run.guard()
    volumes.ensure_rolled_back(snapshot_spec(snapshot))
    volumes.ensure_volume(volume_spec(disk))
    return lambda: None


def settle_taken(snapshot: Snapshot, consistency: Consistency) -> None:
    """Note that a snapshot has been taken, unless that has been noted before."""
    pending = Resource.objects.filter(pk=snapshot.pk).exclude(state=State.READY)
    if pending.update(state=State.READY, error={}, updated_at=Now()):
        Snapshot.objects.filter(pk=snapshot.pk).update(
            taken_at=Now(), consistency=consistency, size_gib=snapshot.disk.size_gib
        )
        push.resource_changed(snapshot)


def settle_disk_deleted(disk: Disk) -> None:
    """Remove the rows of a disk and its snapshots, and give quota and space back, once. Call in a transaction."""
    # Of two attempts at the same time, the second finds no row.
    list(Resource.objects.filter(pk=disk.pk).select_for_update(no_key=True).values_list("pk"))
    now = Disk.objects.filter(pk=disk.pk).first()
    if now is None:
        return
    snapshots = list(Snapshot.objects.filter(disk=now))
    remove([*snapshots, now])
    if now.tenant_id is not None:
        counted = {} if now.standby else {"disk": 1, "disk_gib": now.size_gib}
        release_quota(now.tenant_id, {**counted, "snapshot": len(snapshots)})
    release_space(now.cluster_id, now.size_gib)


def _load(run: OperationContext) -> Disk:
    disk = load_disk(run.target_id)
    if disk is None:
        raise DriverError(_("The disk no longer exists."), code="disk.gone", permanent=True)
    return disk


def _ensure_copy_point(run: OperationContext, disk: Disk) -> None:
    """Keep what the source holds now, once: a later attempt finds it kept."""
    point, source = copy_point(disk), disk.copied_from
    if point is None or source is None:
        return
    run.step(_("Taking a snapshot of %(disk)s"), 5, disk=source.name)
    taken_at_rest(run, source, lambda: volumes_of(source, run).ensure_snapshot(point))


def remove_copy_point(run: OperationContext, disk: Disk) -> None:
    """Remove the snapshot of its source that exists only to copy this disk from."""
    point, source = copy_point(disk), disk.copied_from
    if point is not None and source is not None:
        volumes_of(source, run).ensure_snapshot_absent(point)


def _is_independent(run: OperationContext, disk: Disk) -> bool:
    if not Disk.objects.filter(pk=disk.pk).exists():
        return True
    seen: CopyProgress = backends.volumes(disk.cluster, run).ensure_independent(volume_spec(disk))
    run.progressed(percent_of(seen.done_bytes, seen.total_bytes))
    return seen.done


def _settle_independent(disk: Disk) -> None:
    Disk.objects.filter(pk=disk.pk, independent_at=None).update(independent_at=Now(), copy_point=None)
    push.resource_changed(disk)


def _request_rest(disk: Disk) -> None:
    """Have the rest of a copy followed, now that the disk is ready."""
    request_finish_copy(SYSTEM, disk)
