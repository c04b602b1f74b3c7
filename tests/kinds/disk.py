"""Disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.compute.models import Vm
from apps.compute.services.disk_attachment import attach_disk, detach_disk, force_detach_disk
from apps.infrastructure import backends
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.models import Operation, Resource
from apps.storage.models import Disk
from apps.storage.services import create, disk, snapshot
from tests.kinds.case import KindCase
from tests.kinds.vm import make_vm
from tests.reconciliation.planting import stray_volume
from tests.recovery.crash.environment import Environment
from tests.recovery.crash.recipe import FORCE_CLEAN, RESYNC, Recipe, done, new_name, spoilt
from tests.security.words import A_CREATE, A_MANAGE, A_VIEW, P_CREATE, P_MANAGE, admin, api, pages

if TYPE_CHECKING:
    from tests.security.world import World


def _create(environment: Environment, _nothing: object = None) -> Operation:
    (operation,) = create.create_disks(
        environment.owner,
        name=new_name(),
        size_gib=10,
        cluster=environment.storage.pk,
        project=environment.project.uid,
    )
    return operation


def make_disk(environment: Environment) -> Disk:
    made: Disk = done(_create(environment))
    return made


def _attached(environment: Environment) -> Disk:
    """A disk of a running VM."""
    made: Disk = done(attach_disk(environment.owner, make_disk(environment), vm=make_vm(environment).pk))
    return made


def _beside_a_vm(environment: Environment) -> Disk:
    """A detached disk, and a running VM of the same name."""
    made, vm = make_disk(environment), make_vm(environment)
    Resource.objects.filter(pk=vm.pk).update(name=made.name)
    return made


def _attach(environment: Environment, row: Disk) -> Operation:
    return attach_disk(environment.owner, row, vm=Vm.objects.get(name=row.name).pk)


def _with_snapshot(environment: Environment) -> Disk:
    made = make_disk(environment)
    done(snapshot.snapshot_disk(environment.owner, made, name=new_name()))
    return made


def _roll_back(environment: Environment, row: Disk) -> Operation:
    kept = row.snapshots.order_by("created_at").first()
    assert kept is not None
    return snapshot.roll_back_disk(environment.owner, row, snapshot=kept.pk, snapshot_first=True)


def _copying(environment: Environment) -> Disk:
    """A copy whose data is still being copied, and that nothing follows."""
    world = backends.memory_world()
    world.copy_steps = 2
    try:
        made: Disk = done(disk_clone(environment, make_disk(environment)))
    finally:
        world.copy_steps = 0
    Operation.objects.open().filter(verb="disk.finish_copy", target_id=made.pk).delete()
    return made


def disk_clone(environment: Environment, row: Disk) -> Operation:
    return create.clone_disk(environment.owner, row, name=new_name())


def _delete(environment: Environment, row: Disk) -> Operation:
    return disk.delete_disk(environment.owner, row, with_snapshots=True)


def own_disk(world: World) -> Disk:
    """Return the data disk of the tenant's, made once."""
    found = Disk.objects.filter(project=world.project, role=Disk.Role.DATA).order_by("created_at").first()
    if found is not None:
        return found
    system = world.vm.disks.select_related("cluster").get(role=Disk.Role.SYSTEM)
    return Disk.objects.create(
        kind="disk",
        name=f"{world.vm.name[:40]} data",
        tenant=world.project.tenant,
        project=world.project,
        region=world.vm.region,
        state="ready",
        cluster=system.cluster,
        size_gib=10,
    )


_READ = "one tab.snapshots tab.monitoring tab.activity menu"
_ACTS = "retry attach detach expand snapshot clone set_limits rename roll_back force_detach delete"

CASE = KindCase(
    "disk",
    "disks",
    Disk,
    api=api(
        "disks",
        create=A_CREATE,
        patch=A_MANAGE,
        delete=A_MANAGE,
        attach=A_MANAGE,
        detach=A_MANAGE,
        force_detach=A_MANAGE,
        expand=A_MANAGE,
        snapshot=A_MANAGE,
        clone=A_MANAGE,
        roll_back=A_MANAGE,
        set_limits=A_MANAGE,
        retry=A_MANAGE,
    )
    | {"api:disks-metrics GET": A_VIEW},
    pages=pages(
        "disk",
        read=_READ,
        create=P_CREATE,
        **dict.fromkeys(_ACTS.split(), P_MANAGE),
    ),
    admin=admin("disk", read=_READ, acts=_ACTS),
    key=lambda world: own_disk(world).pk,
    body=lambda w: {
        "name": "new",
        "project": str(w.project.uid),
        "size_gib": 10,
        "cluster": str(own_disk(w).cluster_id),
    },
    form=lambda w: {
        "name": "new",
        "count": 1,
        "project": str(w.project.uid),
        "source": "blank",
        "size_gib": 10,
        "cluster": own_disk(w).cluster_id,
    },
    forms={
        "attach": lambda w: {"vm": str(w.vm.pk)},
        "expand": lambda w: {"size_gib": 20},
        "snapshot": lambda w: {"name": "new"},
        "clone": lambda w: {"name": "new"},
        "roll_back": lambda w: {"snapshot": str(w.keys["snapshots"]), "snapshot_first": "on"},
        "set_limits": lambda w: {"iops": 100, "bytes_per_second": 10},
    },
    bodies={
        "attach": lambda w: {"vm": str(w.vm.pk)},
        "detach": lambda w: {},
        "force_detach": lambda w: {},
        "expand": lambda w: {"size_gib": 20},
        "snapshot": lambda w: {"name": "new"},
        "clone": lambda w: {"name": "new"},
        "roll_back": lambda w: {"snapshot": str(w.keys["snapshots"])},
        "set_limits": lambda w: {"iops": 100},
    },
    recipes={
        "create": Recipe(_create),
        "retry": Recipe(
            lambda environment, row: disk.retry_disk(environment.owner, row),
            lambda environment: spoilt(_create(environment), "volumes.ensure_volume"),
        ),
        "attach": Recipe(_attach, _beside_a_vm),
        "detach": Recipe(lambda environment, row: detach_disk(environment.owner, row), _attached),
        "force_detach": Recipe(lambda environment, row: force_detach_disk(environment.owner, row), _attached),
        "expand": Recipe(
            lambda environment, row: disk.expand_disk(environment.owner, row, size_gib=20), _attached
        ),
        "set_limits": Recipe(
            lambda environment, row: disk.set_disk_limits(environment.owner, row, iops=100), _attached
        ),
        "roll_back": Recipe(_roll_back, _with_snapshot),
        "finish_copy": Recipe(lambda environment, row: disk.finish_copy(SYSTEM, row), _copying),
        "delete": Recipe(_delete, _with_snapshot),
        "resync": Recipe(RESYNC, _attached),
        "force_clean": Recipe(FORCE_CLEAN, _with_snapshot, gives_up=True),
    },
    stray=stray_volume,
)
