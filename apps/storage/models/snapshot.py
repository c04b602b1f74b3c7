"""Snapshots: what a disk held at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.models import Kind
from apps.storage.models.disk import Disk

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager


class Consistency(models.TextChoices):
    """In which state the data was; empty until the snapshot has been taken."""

    #: The guest agent had frozen the file systems.
    FILESYSTEM = "filesystem", _("File-system-consistent")
    #: As after a power failure.
    CRASH = "crash", _("Crash-consistent")
    #: No running VM had the disk.
    OFFLINE = "offline", _("Taken while not in use")


class Snapshot(Kind):
    """A snapshot of a disk, in the disk's storage cluster. `group` is shared by those of one VM at one instant."""

    disk = models.ForeignKey(Disk, models.PROTECT, related_name="snapshots")
    size_gib = models.PositiveIntegerField()
    consistency = models.CharField(max_length=12, choices=Consistency, blank=True, default="")
    group = models.UUIDField(null=True, blank=True, db_index=True)
    taken_at = models.DateTimeField(null=True, blank=True)

    if TYPE_CHECKING:
        copies: RelatedManager[Disk]

    class Meta:
        verbose_name = _("snapshot")
        verbose_name_plural = _("snapshots")
