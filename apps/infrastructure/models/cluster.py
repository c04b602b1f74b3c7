"""What compute and storage clusters share, and compute clusters."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.infrastructure.models.region import Region
from apps.lifecycle.models import Loaded


class Cluster(Loaded):
    """What compute and storage clusters share: open to all tenants, or to the chosen ones only (CL-4)."""

    region = models.ForeignKey(Region, models.PROTECT, related_name="%(class)ss")
    name = models.CharField(max_length=63)
    alias = models.CharField(max_length=63, blank=True, default="")
    open_to_all = models.BooleanField(default=True)
    tenants = models.ManyToManyField("tenancy.Tenant", blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ["region", "name"]

    def __str__(self) -> str:
        return self.alias or self.name


class ComputeCluster(Cluster):
    """Hosts of one architecture between which VMs can move. VMs are spread over its healthy hosts."""

    class Architecture(models.TextChoices):
        X86 = "x86_64", "x86"
        ARM = "aarch64", "ARM"

    architecture = models.CharField(max_length=16, choices=Architecture, default=Architecture.X86)
    gpu = models.BooleanField(default=False)
    # vCPUs given out per physical thread; memory is never given out twice.
    cpu_overcommit = models.DecimalField(max_digits=4, decimal_places=1, default=4)
    # Whether hosts that are suspected dead are switched off by the platform, and their VMs started elsewhere.
    failover = models.BooleanField(default=True, db_default=True)
    # So many hosts may fail without a VM being left without room: new VMs leave it free. 0: nothing is reserved.
    spare_hosts = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta(Cluster.Meta):
        constraints = [
            models.UniqueConstraint(fields=["region", "name"], name="one_compute_cluster_per_name")
        ]
