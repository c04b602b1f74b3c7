"""What a call for new disks asks for, looked up and checked."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.access import forbidden, visible
from apps.accounts.labels import MAX_NAME, clean_labels
from apps.accounts.models import Project
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.regions import ensure_open
from apps.infrastructure.selectors import usable
from apps.infrastructure.space import ensure_accepts_disks
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Resource
from apps.storage.models import Disk, Snapshot
from apps.storage.verbs import DISK_CLONE

MOST_AT_ONCE = 10
#: GiB of the smallest data disk.
LEAST_GIB = 10


@dataclass(frozen=True)
class DiskSource:
    """What new disks are created with: a disk, as it is now or as the snapshot holds it."""

    disk: Disk
    snapshot: Snapshot | None = None

    @property
    def size_gib(self) -> int:
        """Size of the data."""
        return self.snapshot.size_gib if self.snapshot else self.disk.size_gib


def look_up_source(
    actor: Actor, project: Project, disk: UUID | None, snapshot: UUID | None
) -> DiskSource | None:
    """Return what was named, of the project's tenant; None for blank disks. Raises Invalid, Forbidden.

    Whoever copies data reads it: seeing its disk in a list is not enough.
    """
    if disk is not None and snapshot is not None:
        raise Invalid({"snapshot": [_("Specify a disk or a snapshot, not both.")]})
    if snapshot is not None:
        rows = Snapshot.objects.select_related("disk__cluster", "disk__region", "disk__vm")
        found = visible(actor, rows.filter(tenant_id=project.tenant_id)).filter(pk=snapshot).first()
        if found is None:
            raise Invalid({"snapshot": [_("Snapshot not found.")]})
        _ensure_copies(actor, found)
        return DiskSource(found.disk, found)
    if disk is not None:
        disks = Disk.objects.select_related("cluster", "region", "vm").filter(tenant_id=project.tenant_id)
        source = visible(actor, disks).filter(pk=disk).first()
        if source is None:
            raise Invalid({"disk": [_("Disk not found.")]})
        _ensure_copies(actor, source)
        return DiskSource(source)
    return None


def _ensure_copies(actor: Actor, source: Resource) -> None:
    """Raise Forbidden unless the role covers reading the data: on the source alone is enough, as it creates nothing."""
    if not visible(actor, Resource.objects.filter(pk=source.pk), DISK_CLONE.permission).exists():
        raise forbidden(actor, DISK_CLONE)


def chosen_cluster(
    actor: Actor, project: Project, pk: int | None, source: DiskSource | None
) -> StorageCluster:
    """Return the storage cluster for new disks: that of what they are created with. Raises Invalid, Refused."""
    if source is not None:
        cluster = source.disk.cluster
        if pk is not None and pk != cluster.pk:
            text = _("A copy is created in the storage cluster of its source, %(name)s.") % {"name": cluster}
            raise Invalid({"cluster": [text]})
    else:
        if pk is None:
            raise Invalid({"cluster": [_("Choose a storage cluster.")]})
        rows = usable(project.tenant_id, StorageCluster.objects.select_related("region"))
        found = rows.filter(pk=pk).first()
        if found is None:
            raise Invalid({"cluster": [_("Storage cluster not found, or you have no access to it.")]})
        cluster = found
    ensure_gives_space(actor, project.tenant_id, cluster, "cluster")
    return cluster


def ensure_gives_space(actor: Actor, tenant_id: int | None, cluster: StorageCluster, field: str) -> None:
    """Raise Invalid or Refused (at `field`) where the tenant gets no more space in a storage cluster.

    What is there already may be used: attached, rolled back, limited. It gets no larger.
    """
    if tenant_id is not None and not usable(tenant_id, StorageCluster.objects.filter(pk=cluster.pk)).exists():
        raise Invalid({field: [_("You have no access to storage cluster %(name)s.") % {"name": cluster}]})
    ensure_open(actor, cluster.region, field)
    ensure_accepts_disks(cluster, field)


def checked_size(size_gib: int | None, cluster: StorageCluster, source: DiskSource | None) -> int:
    """Return the size of new disks, by default that of their source. Raises Invalid."""
    least = max(LEAST_GIB, source.size_gib if source else 0)
    if size_gib is None:
        if source is None:
            raise Invalid({"size_gib": [_("Enter a size.")]})
        size_gib = least
    ensure_size(size_gib, least, cluster)
    return size_gib


def ensure_size(size_gib: int, least: int, cluster: StorageCluster) -> None:
    """Raise Invalid for a size that a disk of the cluster cannot have."""
    if not least <= size_gib <= cluster.max_disk_gib:
        text = _("%(least)s to %(most)s GiB in this storage cluster.")
        raise Invalid({"size_gib": [text % {"least": least, "most": cluster.max_disk_gib}]})


def names_of(name: str, description: str, count: int) -> tuple[list[str], str]:
    """Return the names of `count` disks (several get -1, -2 …) and their description. Raises Invalid."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise Invalid({"count": [_("1 to %(most)s at a time.") % {"most": MOST_AT_ONCE}]})
    name, description = clean_labels(name, description)
    names = [name] if count == 1 else [f"{name}-{number}" for number in range(1, count + 1)]
    if len(names[-1]) > MAX_NAME:
        raise Invalid({"name": [_("At most %(n)s characters, including the numbers.") % {"n": MAX_NAME}]})
    return names, description
