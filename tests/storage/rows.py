"""Disks and snapshots as they are at rest, without the work that brings them there."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from apps.accounts.models import Tenant
from apps.compute.models import Vm
from apps.lifecycle.models import State
from apps.storage.models import Consistency, Disk, Snapshot
from apps.storage.qos import set_effective
from tests import factories
from tests.compute.factories import Cloud


def disk_row(tenant: Tenant, cloud: Cloud, name: str = "data", **columns: Any) -> Disk:
    """Make a ready data disk of 20 GiB; `vm` attaches it to the next slot."""
    vm: Vm | None = columns.get("vm")
    project = columns.pop("project", None) or factories.default_project(tenant)
    disk = Disk(
        kind="disk",
        name=name,
        tenant=tenant,
        project=project,
        **{
            "region": cloud.region,
            "state": State.READY,
            "cluster": cloud.storage,
            "size_gib": 20,
            "slot": vm.disks.count() if vm else None,
            **columns,
        },
    )
    set_effective(disk)
    disk.save(force_insert=True)
    return disk


def snapshot_row(disk: Disk, name: str = "before", **columns: Any) -> Snapshot:
    """Make a snapshot that has been taken."""
    return Snapshot.objects.create(
        kind="snapshot",
        name=name,
        tenant_id=disk.tenant_id,
        project_id=disk.project_id,
        region_id=disk.region_id,
        disk=disk,
        **{
            "state": State.READY,
            "size_gib": disk.size_gib,
            "consistency": Consistency.CRASH,
            "taken_at": timezone.now(),
            **columns,
        },
    )
