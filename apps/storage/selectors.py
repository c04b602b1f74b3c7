"""Which disks a user may see."""

from __future__ import annotations

from django.db.models import QuerySet

from apps.accounts.access import visible
from apps.lifecycle.actor import Actor
from apps.storage.models import Disk


def visible_disks(actor: Actor) -> QuerySet[Disk]:
    """Return the disks the actor may see, with what a list shows of them."""
    # All rows of this table are disks, but only with the kind named can PostgreSQL walk the index of lists.
    return visible(actor, Disk.objects.filter(kind="disk")).select_related(
        "cluster", "vm", "tenant", "project", "region"
    )
