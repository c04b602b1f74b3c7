"""Storage clusters."""

from __future__ import annotations

from django.db import models

from apps.drivers.specs import PoolSpec
from apps.infrastructure.models.cluster import Cluster

#: Percent of a pool's capacity that its disks may add up to: thin disks are rarely full.
DEFAULT_OVERCOMMIT = 300
#: The least and the most of it.
OVERCOMMIT_BOUNDS = (100, 10_000)
#: Drivers that administrators choose from.
FILE, CEPH = "file", "rbd"


class StorageCluster(Cluster):
    """A pool that every host of the region reaches.

    `driver` "file": `path` is a directory mounted on all hosts. "rbd": `path` is the name of a Ceph pool, reached at
    `monitors` as `pool_user` with the key that is sealed here.
    """

    class Media(models.TextChoices):
        SSD = "ssd", "SSD"
        SATA = "sata", "SATA"
        NVME = "nvme", "NVMe"

    media = models.CharField(max_length=8, choices=Media, default=Media.SSD)
    driver = models.CharField(max_length=16, default=FILE)
    path = models.CharField(max_length=255)
    monitors = models.JSONField(default=list)
    pool_user = models.CharField(max_length=64, blank=True, default="")
    sealed_key = models.TextField(blank=True, default="", editable=False)
    max_disk_gib = models.PositiveIntegerField(default=32_000)
    # Whether new disks may be created in it; those that exist stay and may grow.
    accepts_disks = models.BooleanField(default=True)
    overcommit = models.PositiveIntegerField(default=DEFAULT_OVERCOMMIT)
    # What its disks add up to; reserved by the conditional UPDATE of `space.py`, recounted by beat.
    provisioned_gib = models.BigIntegerField(default=0)
    # The highest share of use, in percent, that administrators have been warned of.
    warned_percent = models.PositiveSmallIntegerField(default=0)

    capacity_bytes = models.BigIntegerField(default=0)
    used_bytes = models.BigIntegerField(default=0)
    observed_at = models.DateTimeField(null=True)
    # When a check of the connection was last requested and last done, and what was wrong then ({}: nothing).
    check_asked_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    check_error = models.JSONField(default=dict)
    # What a distributed pool says of itself (`apps.drivers.specs.PoolHealth`); {} for one that says nothing.
    health = models.JSONField(default=dict)
    health_at = models.DateTimeField(null=True)

    # How fast its disks may be: a base, a gain per GiB, a ceiling. Null: the default of its medium (`disk_speed.py`).
    qos_iops = models.PositiveIntegerField(null=True)
    qos_iops_per_gib = models.PositiveIntegerField(null=True)
    qos_iops_most = models.PositiveIntegerField(null=True)
    qos_mib = models.PositiveIntegerField(null=True)
    qos_mib_per_gib = models.FloatField(null=True)
    qos_mib_most = models.PositiveIntegerField(null=True)
    # For so many seconds a disk may reach so many times its limit; 1 is no burst.
    qos_burst = models.PositiveSmallIntegerField(default=1)
    qos_burst_seconds = models.PositiveSmallIntegerField(default=1)

    # Since when its rule is being applied to the disks that it has; null: they keep what they were created with.
    speed_due_at = models.DateTimeField(null=True)

    class Meta(Cluster.Meta):
        constraints = [
            models.UniqueConstraint(fields=["region", "name"], name="one_storage_cluster_per_name")
        ]

    @property
    def is_ceph(self) -> bool:
        """Whether it is a Ceph pool."""
        return self.driver == CEPH

    @property
    def user(self) -> str:
        """The Ceph user, by the name that forms and the API have for it."""
        return self.pool_user

    def spec(self) -> PoolSpec:
        """Return what volume drivers need to know of the pool."""
        return PoolSpec(
            id=str(self.pk),
            driver=self.driver,
            path=self.path,
            monitors=tuple(self.monitors),
            user=self.pool_user,
        )
