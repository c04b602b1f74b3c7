"""Fencing a host by its storage: where all disks of its VMs are on storage that can refuse everything a host sends.

A host whose VM has a disk elsewhere is not fenced so: that disk would be written by two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.drivers.specs import VolumeSpec
from apps.infrastructure.failed_hosts import disk_askers
from apps.infrastructure.models import Host, StorageCluster
from apps.infrastructure.models.storage_cluster import CEPH

#: Drivers of storage clusters that can refuse everything that a host sends: those of `backends.HOST_FENCES`.
FENCING_DRIVERS = {CEPH}


@dataclass(frozen=True)
class StorageFencing:
    """The volumes of a host's VMs by storage cluster, and why they are no means of fencing it ("": they are)."""

    obstacle: str
    volumes: dict[StorageCluster, list[VolumeSpec]] = field(default_factory=dict)


def storage_fencing(host: Host) -> StorageFencing:
    """Return whether the storage can fence a host."""
    volumes: dict[StorageCluster, list[VolumeSpec]] = {}
    for ask in disk_askers:
        for cluster, volume in ask(host):
            volumes.setdefault(cluster, []).append(volume)
    others = [cluster for cluster in volumes if cluster.driver not in FENCING_DRIVERS]
    if others:
        return StorageFencing(_("Not all disks of its VMs are on Ceph."))
    if not volumes:
        return StorageFencing(_("It has no VM with a disk on Ceph."))
    if host.driver == "agent" and not host.address:
        return StorageFencing(_("Its address is not known."))
    return StorageFencing("", volumes)
