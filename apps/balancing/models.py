"""The rules of clusters, what was decided by them, and rebalancings."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.compute.models import Vm
from apps.infrastructure.models import ComputeCluster, Host
from apps.lifecycle.models import Batch, Operation
from apps.lifecycle.models.loading import Loaded


class BalancingPolicy(models.Model):
    """The rules by which VMs are moved off overloaded hosts of a cluster. A cluster without a row has the defaults."""

    cluster = models.OneToOneField(
        ComputeCluster, models.CASCADE, primary_key=True, related_name="balancing_policy"
    )
    enabled = models.BooleanField(default=False, db_default=False)
    cpu_percent = models.PositiveSmallIntegerField(default=85, db_default=85)
    memory_percent = models.PositiveSmallIntegerField(default=90, db_default=90)
    # For how long a host must be above a threshold without a break.
    minutes = models.PositiveSmallIntegerField(default=10, db_default=10)
    # By how many percentage points a target stays below its own thresholds with the VM.
    margin = models.PositiveSmallIntegerField(default=10, db_default=10)
    moves_per_hour = models.PositiveSmallIntegerField(default=6, db_default=6)
    pause_minutes = models.PositiveSmallIntegerField(default=60, db_default=60)
    # When its hosts were judged last: of two workers one judges.
    judged_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "balancing policies"

    def __str__(self) -> str:
        return str(self.cluster)


class Outcome(models.TextChoices):
    """What was decided of an overloaded host."""

    MOVED = "moved", _("VM moved")
    REFUSED = "refused", _("Move refused")
    NO_MOVE = "no_move", _("No useful move")
    GAP = "gap", _("Metrics missing")
    HELD = "held", _("On hold")
    LIMIT = "limit", _("Hourly limit reached")


class Decision(Loaded):
    """One line of a cluster's balancing log. The same again within an hour is counted, not written anew.

    `values`: the figures that the sentence of the outcome needs (`texts.py`).
    """

    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="balancing_decisions")
    host = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")
    target = models.ForeignKey(Host, models.SET_NULL, null=True, related_name="+")
    vm = models.ForeignKey(Vm, models.SET_NULL, null=True, related_name="+")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome)
    values = models.JSONField(default=dict)
    at = models.DateTimeField()
    last_at = models.DateTimeField()
    times = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("balancing decision")
        indexes = [models.Index(fields=["cluster", "-at"], name="decision_log")]

    def __str__(self) -> str:
        return f"{self.outcome} ({self.at:%Y-%m-%d %H:%M})"


class Rebalancing(Loaded):
    """A plan that an administrator applied to a cluster, carried out as migrations.

    `batch` has an item for each VM; `moves` the two hosts of each by the VM's id, with their names. Closed when every
    item has its answer and no migration is open, or when it was cancelled: then nothing more is started.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    cluster = models.ForeignKey(ComputeCluster, models.CASCADE, related_name="rebalancings")
    batch = models.OneToOneField(Batch, models.CASCADE, related_name="+")
    moves = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("rebalancing")
        constraints = [
            models.UniqueConstraint(
                fields=["cluster"],
                condition=models.Q(finished_at__isnull=True),
                name="one_open_rebalancing_per_cluster",
            )
        ]

    def __str__(self) -> str:
        return f"{self.cluster} ({self.created_at:%Y-%m-%d %H:%M})"
