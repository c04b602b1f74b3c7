"""Differences between the rows and what is really there, and when each place was last looked at."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.infrastructure.models import Host, Region, StorageCluster
from apps.lifecycle.models import Operation, Resource


class Rule(models.TextChoices):
    """The written rules: see `rules.py`."""

    STALE = "stale", _("R1 stale")
    ORPHAN = "orphan", _("R2 orphan")
    UNSYNCED = "unsynced", _("R3 unsynced")
    MISCOUNTED = "miscounted", _("R4 miscounted")


class FindingState(models.TextChoices):
    """Where a finding stands.

    suspected: found once, or not for long enough; not shown. open: waits for an administrator or for automatic repair.
    repairing: an operation is running. repaired: an operation or a recalculation has repaired it. gone: it no longer
    exists, whatever the cause. dismissed: it still exists, but the administrator has hidden it.
    """

    SUSPECTED = "suspected", _("Suspected")
    OPEN = "open", _("Open")
    REPAIRING = "repairing", _("Repairing")
    REPAIRED = "repaired", _("Repaired")
    GONE = "gone", _("Gone")
    DISMISSED = "dismissed", _("Dismissed")


#: States of what is true as far as anybody knows.
LIVE = (FindingState.SUSPECTED, FindingState.OPEN, FindingState.REPAIRING, FindingState.DISMISSED)


class FindingQuerySet(models.QuerySet["Finding"]):
    def live(self) -> FindingQuerySet:
        """Findings that are true as far as anybody knows, shown or not."""
        return self.filter(state__in=LIVE)

    def shown(self) -> FindingQuerySet:
        """Findings that have been confirmed: all but what is only suspected."""
        return self.exclude(state=FindingState.SUSPECTED)


class Finding(models.Model):
    """One difference, at one place (a host, a storage cluster or a region), about one thing.

    `kind` is what it is about: vm, disk, snapshot, image, vpc, subnet, security_group, nic, quota, host; `target_id`
    its id, which for an orphan no row has. `aspect` tells several differences of one rule and thing apart (generation,
    power, misplaced, doubled, size, partial, or a quota's metric). `resource` is the row that actions act on, None for
    orphans: the VM for its disks and NICs. `kept` is the sentence, see `apps.lifecycle.stored_messages`; `seen` what
    was seen of it, for actions and for people who want figures.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.CharField(_("rule"), max_length=12, choices=Rule)
    aspect = models.CharField(max_length=32, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=32)
    target_id = models.UUIDField()
    name = models.CharField(_("name"), max_length=255, blank=True, default="")
    resource = models.ForeignKey(Resource, models.SET_NULL, null=True, blank=True, related_name="findings")
    host = models.ForeignKey(Host, models.CASCADE, null=True, blank=True, related_name="+")
    storage_cluster = models.ForeignKey(
        StorageCluster, models.CASCADE, null=True, blank=True, related_name="+"
    )
    region = models.ForeignKey(Region, models.CASCADE, null=True, blank=True, related_name="+")
    tenant = models.ForeignKey("tenancy.Tenant", models.CASCADE, null=True, blank=True, related_name="+")

    kept = models.JSONField(default=dict)
    seen = models.JSONField(default=dict)
    state = models.CharField(max_length=12, choices=FindingState, default=FindingState.SUSPECTED)
    #: How often in a row it was seen.
    looks = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)
    #: The last repair operation, and how many the platform has requested automatically.
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, blank=True, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)

    objects = FindingQuerySet.as_manager()

    class Meta:
        verbose_name = _("inconsistency")
        verbose_name_plural = _("inconsistencies")
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "aspect", "kind", "target_id", "host", "storage_cluster", "region"],
                condition=Q(state__in=LIVE),
                nulls_distinct=False,
                name="one_live_finding",
            ),
        ]
        indexes = [
            # The administrator's list: what is open, newest first.
            models.Index(fields=["state", "-first_seen_at"], name="finding_list"),
            models.Index(fields=["settled_at"], name="finding_expiry"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.target_id)

    @property
    def place(self) -> str:
        """Name of the host, storage cluster or region it was found at; fetch them with `select_related`."""
        return str(self.host or self.storage_cluster or self.region or "")


class Look(models.Model):
    """When a place was last taken to be looked at; whoever moves `at` forward looks (see `looking.take`)."""

    place = models.CharField(primary_key=True, max_length=64)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.place} {self.at:%H:%M:%S}"
