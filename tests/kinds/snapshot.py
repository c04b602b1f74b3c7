"""Snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from apps.compute.models import Vm
from apps.drivers.memory import MemoryVolumes
from apps.drivers.specs import SnapshotSpec
from apps.lifecycle.models import Operation
from apps.storage.models import Disk, Snapshot
from apps.storage.services import snapshot
from apps.storage.specs import volume_spec
from tests.compute.factories import Cloud
from tests.kinds.case import KindCase
from tests.kinds.disk import make_disk, own_disk
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, P_CREATE, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _create(environment: Environment, row: Disk) -> Operation:
    return snapshot.create_snapshot(environment.owner, disk=row.pk, name=new_name())


def _snapshot(environment: Environment) -> Snapshot:
    made: Snapshot = done(_create(environment, make_disk(environment)))
    return made


def _stray(cloud: Cloud, vm: Vm) -> None:
    volume = volume_spec(vm.disks.select_related("cluster").get(role=Disk.Role.SYSTEM))
    MemoryVolumes(cloud.world).ensure_snapshot(SnapshotSpec(str(uuid4()), volume))


def _own_snapshot(world: World) -> Snapshot:
    disk = own_disk(world)
    found = disk.snapshots.order_by("created_at").first()
    return found or Snapshot.objects.create(
        kind="snapshot",
        name=f"{disk.name[:40]} kept",
        tenant=disk.tenant,
        project=disk.project,
        region=disk.region,
        state="ready",
        disk=disk,
        size_gib=disk.size_gib,
    )


CASE = KindCase(
    "snapshot",
    "snapshots",
    Snapshot,
    api=api("snapshots", create=A_CREATE, patch=A_MANAGE, delete=A_MANAGE, retry=A_MANAGE),
    pages=pages(
        "snapshot",
        read="one tab.activity menu",
        create=P_CREATE,
        retry=P_MANAGE,
        rename=P_MANAGE,
        delete=P_MANAGE,
    ),
    admin=admin("snapshot", read="one tab.activity menu", acts="retry rename delete"),
    key=lambda world: _own_snapshot(world).pk,
    body=lambda w: {"name": "new", "disk": str(own_disk(w).pk)},
    recipes={
        "create": Recipe(_create, make_disk),
        "retry": Recipe(
            lambda environment, row: snapshot.retry_snapshot(environment.owner, row),
            lambda environment: spoilt(
                _create(environment, make_disk(environment)), "volumes.ensure_snapshot"
            ),
        ),
        "delete": Recipe(
            lambda environment, row: snapshot.delete_snapshot(environment.owner, row), _snapshot
        ),
        "force_clean": Recipe(FORCE_CLEAN, _snapshot, gives_up=True),
    },
    stray=_stray,
)
