"""Creating disks: blank, from a snapshot, or from another disk."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from django.db import transaction

from apps.accounts.access import allow
from apps.accounts.models import Project
from apps.accounts.references import chosen_project
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.space import reserve_space
from apps.lifecycle.actor import Actor
from apps.lifecycle.acts import serves
from apps.lifecycle.bulk_insert import insert
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed, Change
from apps.quotas.services import reserve_quota
from apps.storage.models import Disk
from apps.storage.qos import set_effective
from apps.storage.services.create_plan import (
    DiskSource,
    checked_size,
    chosen_cluster,
    look_up_source,
    names_of,
)
from apps.storage.services.holding import changes_disk, hold_source, lock_vms
from apps.storage.verbs import DISK_CLONE, DISK_CREATE


@serves(DISK_CREATE)
@transaction.atomic
def create_disks(
    actor: Actor,
    *,
    name: str,
    size_gib: int | None = None,
    cluster: int | None = None,
    project: UUID | None = None,
    disk: UUID | None = None,
    snapshot: UUID | None = None,
    count: int = 1,
    description: str = "",
) -> list[Operation]:
    """Create data disks, each settled by an operation of its own. `disk`, `snapshot`: whose data they get.

    Raises Invalid, Forbidden, NotNow, QuotaExceeded, NoCapacity; then nothing is created.
    """
    into = chosen_project(actor, project)
    allowed = allow(actor, DISK_CREATE, project=into, tenant_id=into.tenant_id)
    source = look_up_source(actor, into, disk, snapshot)
    where = chosen_cluster(actor, into, cluster, source)
    size = checked_size(size_gib, where, source)
    names, description = names_of(name, description, count)
    if source is not None:
        lock_vms(actor, source.disk.pk)
        hold_source(source.disk, source.snapshot)
    return _insert(allowed, into, where, source, size, names, description)


@changes_disk(DISK_CLONE)
def clone_disk(
    change: Change[Disk],
    *,
    name: str,
    size_gib: int | None = None,
    project: UUID | None = None,
    description: str = "",
) -> Operation:
    """Create a disk with the data that this one has now; return the operation of the new one.

    By default in the same project. Raises Invalid, Forbidden, QuotaExceeded, NoCapacity.
    """
    actor, row = change.actor, change.row
    into = chosen_project(actor, project) if project or row.project is None else row.project
    allowed = allow(actor, DISK_CREATE, project=into, tenant_id=row.tenant_id)
    source = DiskSource(row)
    where = chosen_cluster(actor, into, None, source)
    size = checked_size(size_gib, where, source)
    names, description = names_of(name, description, 1)
    hold_source(row, None)
    (operation,) = _insert(allowed, into, where, source, size, names, description)
    return operation


def _insert(
    allowed: Allowed,
    project: Project,
    cluster: StorageCluster,
    source: DiskSource | None,
    size_gib: int,
    names: Sequence[str],
    description: str,
) -> list[Operation]:
    """Locks in the order everybody keeps: resources, quota, storage."""
    count = len(names)
    reserve_quota(project.tenant_id, {"disk": count, "disk_gib": count * size_gib})
    disks = [
        Disk(
            kind="disk",
            name=name,
            description=description,
            tenant_id=project.tenant_id,
            project=project,
            region_id=cluster.region_id,
            cluster=cluster,
            size_gib=size_gib,
            copied_from=source.disk if source else None,
            from_snapshot=source.snapshot if source else None,
            copy_point=uuid4() if source and source.snapshot is None else None,
            # A copy of a thin disk is thin over the same image until all of it is its own.
            image_id=source.disk.image_id if source else None,
            image_copy_id=source.disk.image_copy_id if source else None,
        )
        for name in names
    ]
    for disk in disks:
        set_effective(disk)
    insert(disks)
    args = {"size_gib": size_gib, "cluster": cluster.name}
    if source is not None:
        args["source"] = (source.snapshot or source.disk).name
    operations = [allowed.request(disk, args=args) for disk in disks]
    reserve_space(cluster.pk, count * size_gib)
    return operations
