"""Images: what system disks are cloned from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.drivers.specs import Firmware, ImageSpec
from apps.infrastructure.models import ComputeCluster, StorageCluster
from apps.lifecycle.models import Kind
from apps.storage.models.snapshot import Consistency

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.compute.models.image_copy import ImageCopy

#: Size of a system disk when nobody says otherwise (IM-1).
DEFAULT_DISK_GIB = 40


class Image(Kind):
    """An image on a storage cluster. Without a tenant it is a base image, which all tenants may use but not change.

    Imported, created from a VM (`source_disk`) or copied from another image (`source_image`). `copy_point` is the
    snapshot of the source disk that exists only to copy from; no row of a snapshot knows it. `consistency` says in
    which state the data of a VM was; empty until the snapshot has been taken.
    """

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
    uefi = models.BooleanField(_("boots with UEFI"), default=False, db_default=False)
    secure_boot = models.BooleanField(_("boots with Secure Boot"), default=False, db_default=False)
    source_disk = models.ForeignKey(
        "storage.Disk", models.SET_NULL, null=True, blank=True, related_name="captured_images"
    )
    source_image = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="derived_images"
    )
    copy_point = models.UUIDField(null=True, blank=True, editable=False)
    consistency = models.CharField(
        max_length=12, choices=Consistency, blank=True, default="", db_default="", editable=False
    )

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
    def firmware(self) -> Firmware:
        """What VMs created from it start with."""
        if self.secure_boot:
            return Firmware.SECURE_BOOT
        return Firmware.UEFI if self.uefi else Firmware.BIOS

    @property
    def has_copies(self) -> bool:
        """Whether there are any: of the row of a list, without a query."""
        read: list[ImageCopy] | None = self.__dict__.get("shown_copies")
        return bool(read) if read is not None else self.copies.exists()

    def spec(self) -> ImageSpec:
        """Return the image as volume drivers see it."""
        return ImageSpec(id=str(self.pk), pool=self.cluster.spec())
