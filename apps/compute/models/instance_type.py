"""Sizes a VM can have."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Mod
from django.utils.translation import gettext_lazy as _

from apps.infrastructure.models import ComputeCluster
from apps.lifecycle.models import Loaded

MOST_VCPU = 240
MOST_MEMORY_GIB = 1024


def _one_or_even(field: str, most: int) -> Q:
    even = Q(**{f"{field}__lte": most, f"{field}__gte": 2}) & Q(models.lookups.Exact(Mod(F(field), 2), 0))
    return Q(**{field: 1}) | even


class InstanceType(Loaded):
    """A size offered on one compute cluster to every tenant that may use the cluster (IT-3)."""

    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="instance_types")
    name = models.CharField(max_length=63)
    vcpu = models.PositiveSmallIntegerField(_("vCPUs"))
    memory_gib = models.PositiveIntegerField(_("memory (GiB)"))

    class Meta:
        ordering = ["cluster", "vcpu", "memory_gib"]
        verbose_name = _("instance type")
        verbose_name_plural = _("instance types")
        constraints = [
            models.UniqueConstraint(fields=["cluster", "name"], name="one_instance_type_per_name"),
            models.UniqueConstraint(
                fields=["cluster", "vcpu", "memory_gib"], name="one_instance_type_per_size"
            ),
            models.CheckConstraint(condition=_one_or_even("vcpu", MOST_VCPU), name="vcpu_one_or_even"),
            models.CheckConstraint(
                condition=_one_or_even("memory_gib", MOST_MEMORY_GIB), name="memory_one_or_even"
            ),
        ]

    def __str__(self) -> str:
        return self.name
