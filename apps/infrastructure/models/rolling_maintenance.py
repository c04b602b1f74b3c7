"""The maintenance of a whole cluster, host by host."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.infrastructure.models.cluster import ComputeCluster
from apps.infrastructure.models.host import Host


class RollingMaintenance(models.Model):
    """Which host of a cluster is being maintained; those after it, by name, follow.

    How far that host is says the host itself, so nothing here can be stuck. `ended_at`: the last host is done, or an
    administrator has ended it.
    """

    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="rolling_maintenances")
    host = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")
    # Kept beside the link: the host may be removed, and those after it still follow.
    host_name = models.CharField(max_length=63)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["cluster"],
                condition=Q(ended_at__isnull=True),
                name="one_rolling_maintenance_per_cluster",
            )
        ]

    def __str__(self) -> str:
        return f"{self.cluster}: {self.host_name}"
