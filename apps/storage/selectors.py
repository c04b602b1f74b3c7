"""Which disks a user may see."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.lifecycle.actor import Actor
from apps.storage.models import Disk
from apps.tenancy.access import visible


def visible_disks(actor: Actor) -> QuerySet[Disk]:
    """Return the disks the actor may see, with what a list shows of them."""
    return visible(actor, Disk.objects.all()).select_related("cluster", "vm", "tenant", "project", "region")
