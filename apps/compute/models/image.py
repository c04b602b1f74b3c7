"""Images: what system disks are cloned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.drivers.specs import ImageSpec
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.lifecycle.models import Kind

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.compute.models.image_copy import ImageCopy

#: Size of a system disk when nobody says otherwise (IM-1).
DEFAULT_DISK_GIB = 40


class Image(Kind):
    """An image on a storage cluster. Without a tenant it is a base image, which all tenants may use but not change."""

    class Family(models.TextChoices):
        LINUX = "linux", "Linux"
        WINDOWS = "windows", "Windows"

    cluster = models.ForeignKey(StorageCluster, models.PROTECT, related_name="images")
    os_family = models.CharField(_("OS family"), max_length=8, choices=Family, default=Family.LINUX)
    os_name = models.CharField(_("operating system"), max_length=63, blank=True, default="")
    architecture = models.CharField(
        _("architecture"),
        max_length=16,
        choices=ComputeCluster.Architecture,
        default=ComputeCluster.Architecture.X86,
    )
    # No system disk can be smaller than the image's virtual disk; written when the import has seen it.
    min_disk_gib = models.PositiveIntegerField(default=1)
    default_disk_gib = models.PositiveIntegerField(default=DEFAULT_DISK_GIB)
    virtual_bytes = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)
    source_format = models.CharField(max_length=16, blank=True, default="")
    # What the operating system in it can do.
    cloud_init = models.BooleanField(_("supports cloud-init"), default=True)
    guest_agent = models.BooleanField(_("guest agent installed"), default=False)
    hot_upgrade = models.BooleanField(_("supports CPU and memory hot-add"), default=False)

    if TYPE_CHECKING:
        copies: RelatedManager[ImageCopy]
        #: Set by `selectors.visible_images`: those in storage clusters that the reader may see.
        shown_copies: list[ImageCopy]

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")

    @property
    def is_base(self) -> bool:
        """Whether it is offered to all tenants."""
        return self.tenant_id is None

    @property
    def has_copies(self) -> bool:
        """Whether there are any: of the row of a list, without a query."""
        read: list[ImageCopy] | None = self.__dict__.get("shown_copies")
        return bool(read) if read is not None else self.copies.exists()

    def spec(self) -> ImageSpec:
        """Return the image as volume drivers see it."""
        return ImageSpec(id=str(self.pk), pool=self.cluster.spec())
