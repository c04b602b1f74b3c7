"""One accepted change and everything known about carrying it out.

State machine (every arrow is one compare-and-set UPDATE on (status, attempt); whoever updates no row has lost)::

    request() ──> QUEUED ──claim──> RUNNING ──finish──> DONE
                    ^  │               │ │
                    │  │               │ └──finish────> FAILED      permanent error, deadline, too many attempts
                    │  │               └────give back─> QUEUED      transient error: not_before = now + back-off
                    │  │    lease over: RUNNING ──claim──> RUNNING  (attempt + 1, another worker)
                    │  └──cancel / superseded─────────> CANCELLED    (RUNNING too: at once when superseded; at its
                    │                                                 next step or end when asked to stop: `Stopping`)
                    └──sweep dispatches again what nobody claimed

* claim: status QUEUED and not_before reached, or RUNNING with an expired lease. attempt + 1, lease_until = now + LEASE.
* The worker's lease renewal renews lease_until of all it runs. A renewal that updates no row means the operation was
  taken away (lease lost, superseded, cancelled); the handler stops at its next step and cannot finish.
* An operation that supersedes another (delete, power off) cancels it and waits, by `blocked_by` and `not_before`, until
  its worker has let go or its lease has run out, so that two handlers never act on one resource at once.
* Celery carries only ids. The row is the truth.
* Times that decide anything are PostgreSQL's: web and workers compare no clock of theirs with another's. While a worker
  carries an operation out, it counts down to the deadline by its monotonic clock, which nobody sets.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.lifecycle.models.loading import Loaded
from apps.lifecycle.models.resource import Resource

#: How long a silent worker keeps an operation.
LEASE = timedelta(seconds=20)

NEXT_FENCE = models.Func(
    models.Value("lifecycle_operation_fence"), function="nextval", output_field=models.BigIntegerField()
)


class OperationStatus(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN = (OperationStatus.QUEUED, OperationStatus.RUNNING)


class Stopping(models.TextChoices):
    """Whether a running operation was asked to stop; compare-and-set, so that asking and passing cannot both succeed.

    ASKED: it ends cancelled, whatever its attempt comes to. It stays open, and holds its resource, until its handler
    (or, that one being dead, the next attempt) has come to its next step, or to its end.
    NOT_NOW: what this attempt is doing cannot be taken back; its handler said so before doing it. Only while the
    attempt runs: should it fail, the operation can be cancelled again.
    TOO_LATE: the same for all attempts to come.
    """

    NO = "", "no"
    ASKED = "asked", "asked"
    NOT_NOW = "not_now", "not now"
    TOO_LATE = "too_late", "too late"


#: The column as an attempt ends: only what was said of that attempt is forgotten.
AFTER_ATTEMPT = models.Case(
    models.When(stopping=Stopping.NOT_NOW, then=models.Value(Stopping.NO.value)), default=models.F("stopping")
)


class OperationQuerySet(models.QuerySet["Operation"]):
    def open(self) -> OperationQuerySet:
        """Operations not settled yet."""
        return self.filter(status__in=OPEN)

    def claimable(self) -> OperationQuerySet:
        """Operations a worker may take now: due, or abandoned by a worker whose lease ran out."""
        return self.filter(
            Q(status=OperationStatus.QUEUED, not_before__lte=Now())
            | Q(status=OperationStatus.RUNNING, lease_until__lt=Now())
        )


class Operation(Loaded):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    #: Grows with every request; with `attempt` it is the fence that stops an old attempt's orders on a host.
    sequence = models.BigIntegerField(editable=False, unique=True, db_default=NEXT_FENCE)
    verb = models.CharField(max_length=48)
    # The resource may be gone when the operation is still read: its name, kind and id are kept beside the link.
    resource = models.ForeignKey(Resource, models.SET_NULL, null=True, related_name="operations")
    target_id = models.UUIDField()
    target_kind = models.CharField(max_length=32)
    target_name = models.CharField(max_length=63)
    # Primary key of its project, by which pushes find the pages that may know of it. No foreign key: it may be gone.
    target_project = models.BigIntegerField(null=True)
    tenant = models.ForeignKey("tenancy.Tenant", models.SET_NULL, null=True, related_name="+")
    actor = models.ForeignKey("tenancy.User", models.SET_NULL, null=True, related_name="+")
    args = models.JSONField(default=dict)
    result = models.JSONField(default=dict)

    status = models.CharField(max_length=12, choices=OperationStatus, default=OperationStatus.QUEUED)
    stopping = models.CharField(max_length=8, choices=Stopping, default=Stopping.NO, blank=True)
    exclusive = models.BooleanField(default=True)
    blocked_by = models.ForeignKey("self", models.SET_NULL, null=True, related_name="blocks")
    # What waits for long comes back every two seconds, for a large image's import many hours.
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(db_default=Now())
    rung_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    deadline = models.DateTimeField()

    progress = models.PositiveSmallIntegerField(default=0)
    steps = models.JSONField(default=list)
    error = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = OperationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["resource"],
                condition=Q(status__in=OPEN, exclusive=True),
                name="one_open_operation_per_resource",
            ),
        ]
        indexes = [
            # The sweeper's look at what is still open.
            models.Index(fields=["not_before"], condition=Q(status__in=OPEN), name="operation_open"),
            models.Index(fields=["tenant", "-created_at"], name="operation_tenant_list"),
            models.Index(fields=["-created_at"], name="operation_admin_list"),
            models.Index(fields=["resource", "-created_at"], name="operation_timeline"),
            models.Index(fields=["target_id", "-created_at"], name="operation_target"),
            # What failed lately of what somebody asked for: in the top bar of every page.
            models.Index(
                fields=["actor", "-finished_at"],
                condition=Q(status=OperationStatus.FAILED),
                name="operation_failed_of_actor",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.verb} {self.target_name} ({self.status})"

    @property
    def is_open(self) -> bool:
        """Whether it is still queued or running."""
        return self.status in OPEN


class OperationLock(models.Model):
    """A further resource an open operation holds besides its own. Deleted when the operation settles.

    `shared`: other operations that share may hold it too. They take turns, in the order in which they were requested.
    """

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="locks", db_index=False)
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="locks")
    shared = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["resource", "operation"], name="one_lock_per_operation"),
            models.UniqueConstraint(
                fields=["resource"], condition=Q(shared=False), name="one_sole_lock_per_resource"
            ),
        ]
