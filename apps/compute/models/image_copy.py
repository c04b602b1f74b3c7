"""Copies of images in further storage clusters: system disks are made there from a copy."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.compute.models.image import Image
from apps.drivers.specs import ImageSpec
from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import Operation

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.storage.models import Disk


class ImageCopy(models.Model):
    """An image in a storage cluster that is not its own, under an id of its own. It is deleted with its image.

    `operation` is the last one that copied or deleted it; its progress is the copy's. `error` is why that failed.
    """

    class State(models.TextChoices):
        COPYING = "copying", gettext_lazy("Copying")
        READY = "ready", gettext_lazy("Available")
        ERROR = "error", gettext_lazy("Failed")
        DELETING = "deleting", gettext_lazy("Deleting")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="copies")
    cluster = models.ForeignKey(StorageCluster, models.PROTECT, related_name="image_copies")
    state = models.CharField(max_length=16, choices=State, default=State.COPYING)
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, blank=True, related_name="+")
    stored_bytes = models.BigIntegerField(default=0)
    error = models.JSONField(default=dict, blank=True)

    if TYPE_CHECKING:
        disks: RelatedManager[Disk]

    class Meta:
        verbose_name = gettext_lazy("image copy")
        verbose_name_plural = gettext_lazy("image copies")
        constraints = [
            models.UniqueConstraint(fields=["image", "cluster"], name="one_copy_per_storage_cluster")
        ]

    def __str__(self) -> str:
        return _("copy of image %(name)s") % {"name": self.image.name}

    @property
    def progress(self) -> int | None:
        """How much has been copied, in percent; None while nothing is being copied."""
        return self.operation.progress if self.state == self.State.COPYING and self.operation else None

    def spec(self) -> ImageSpec:
        """Return the copy as volume drivers see it."""
        return ImageSpec(id=str(self.pk), pool=self.cluster.spec())
