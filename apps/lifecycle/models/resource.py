"""The table every kind of resource shares."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone

from apps.lifecycle.models.loading import Loaded

if TYPE_CHECKING:
    from apps.lifecycle.models.operation import Operation


class State(models.TextChoices):
    """Coarse, final states. What a user sees while something runs is derived from the open operation's verb."""

    PENDING = "pending"
    READY = "ready"
    ERROR = "error"
    RECYCLED = "recycled"


class Resource(Loaded):
    """Fields, no behaviour.

    `generation` counts changes of desired columns; `observed_generation` is the last one the backend was seen to
    match. `error` is empty or {"code", "message", "hint", "operation"} of the last operation that failed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=32, editable=False)
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=255, blank=True, default="")
    tenant = models.ForeignKey("tenancy.Tenant", models.PROTECT, null=True, blank=True, related_name="+")
    project = models.ForeignKey("tenancy.Project", models.PROTECT, null=True, blank=True, related_name="+")
    region = models.ForeignKey(
        "infrastructure.Region", models.PROTECT, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    generation = models.PositiveIntegerField(default=1)
    observed_generation = models.PositiveIntegerField(default=0)
    error = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)

    #: Set by `selectors.with_open_operations`: the open exclusive operation, as of when the row was read.
    open_operation: Operation | None = None
    open_operation_read: bool = False

    class Meta:
        # What a role on this one resource covers; the same words as for a project.
        permissions = [
            ("view_resources", "See the resource"),
            ("operate_resources", "Start, stop, open the console of the resource"),
            ("manage_resources", "Change and delete the resource"),
        ]
        indexes = [
            # Lists of a kind, newest first: a tenant's, then the admin's over all tenants.
            models.Index(fields=["tenant", "kind", "-created_at", "id"], name="resource_tenant_list"),
            models.Index(fields=["kind", "-created_at", "id"], name="resource_admin_list"),
            models.Index(fields=["project", "kind"], name="resource_project"),
            # Search by part of a name (upper-cased, as icontains compiles to).
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="resource_name_search"),
            # What is called just so: "db" among ten thousand "db-…".
            models.Index("tenant", Upper("name"), name="resource_named"),
            # Most have no description, and empty ones take no room in it.
            GinIndex(OpClass(Upper("description"), name="gin_trgm_ops"), name="resource_description_search"),
            # The few that failed, among all: the administrator's list of resources in trouble.
            models.Index(
                fields=["-updated_at"],
                condition=models.Q(state=State.ERROR) | ~models.Q(error={}),
                name="resource_in_trouble",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Kind(Resource):
    """Parent of every concrete kind: one joined row in `Resource`, reached back through `resource.as_<kind>`."""

    resource = models.OneToOneField(
        Resource, models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )

    class Meta:
        abstract = True
