"""One verb asked for on many rows at once, and what became of each."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.lifecycle.models.operation import Operation


class BatchOutcome(models.TextChoices):
    """What the request itself was answered; how an accepted one ended, its operation says."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    DONE = "done"
    REFUSED = "refused"
    NOT_FOUND = "not_found"


class Batch(models.Model):
    """`key` is what the browser's form or the API's caller calls the request: the same key is the same request."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32)
    verb = models.CharField(max_length=48)
    actor = models.ForeignKey("tenancy.User", models.SET_NULL, null=True, related_name="+")
    tenant = models.ForeignKey("tenancy.Tenant", models.CASCADE, null=True, related_name="+")
    key = models.CharField(max_length=255, blank=True, default="")
    #: SHA-256 over what was requested: a key that comes again must come with the same.
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.UniqueConstraint(fields=["actor", "key"], condition=~Q(key=""), name="one_batch_per_key")
        ]
        indexes = [models.Index(fields=["created_at"], name="batch_expiry")]

    def __str__(self) -> str:
        return f"{self.verb} ({self.created_at:%Y-%m-%d %H:%M})"


class BatchItem(models.Model):
    """One row of a batch. `target` is what stands for the row in paths; its name is kept, as the row may go."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    target = models.CharField(max_length=64)
    name = models.CharField(max_length=255, blank=True)
    outcome = models.CharField(max_length=12, choices=BatchOutcome, default=BatchOutcome.WAITING)
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, related_name="+")
    code = models.CharField(max_length=64, blank=True, default="")
    message = models.TextField(blank=True, default="")
    hint = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch", "position"], name="batch_order")]

    def __str__(self) -> str:
        return f"{self.name}: {self.outcome}"
