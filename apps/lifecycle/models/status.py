"""The machine-readable status of a resource: the words people see, as names that no translation changes."""

from __future__ import annotations

from django.db import models


class Status(models.TextChoices):
    """What a resource is or does now. Derived, never stored: see `lifecycle/status.py`.

    A deleted resource has none: its address answers 404.
    """

    CREATING = "creating"
    IMPORTING = "importing"
    UPDATING = "updating"
    DELETING = "deleting"
    RELEASING = "releasing"
    STARTING = "starting"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting_down"
    POWERING_OFF = "powering_off"
    RESTARTING = "restarting"
    RESUMING = "resuming"
    REINSTALLING = "reinstalling"
    RESIZING = "resizing"
    ATTACHING = "attaching"
    DETACHING = "detaching"
    EXPANDING = "expanding"
    ROLLING_BACK = "rolling_back"
    MIGRATING = "migrating"
    STOPPED = "stopped"
    PAUSED = "paused"
    AVAILABLE = "available"
    ATTACHED = "attached"
    BINDING = "binding"
    BOUND = "bound"
    UNBINDING = "unbinding"
    UNBOUND = "unbound"
    ENROLLED = "enrolled"
    UNREACHABLE = "unreachable"
    OFF = "off"
    RETURNING = "returning"
    RECOVERING = "recovering"
    FENCING = "fencing"
    SCHEDULING_DISABLED = "scheduling_disabled"
    DRAINING = "draining"
    IN_MAINTENANCE = "in_maintenance"
    RECYCLED = "recycled"
    FAILED = "failed"
