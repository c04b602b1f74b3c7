"""Disks: the system disk of each VM, and data disks, which may be attached to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import Kind
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.storage.models.snapshot import Snapshot

#: Slot of a system disk; data disks have 1 and up.
SYSTEM_SLOT = 0
#: Length of a virtio disk's serial.
SERIAL_LENGTH = 20


class Disk(Kind):
    """A disk on a storage cluster, thin, perhaps cloned from an image. Limits of 0 mean unlimited.

    A system disk is created and deleted with its VM, by the VM's operations. A data disk outlives its VM. `slot` gives
    the device its place in the VM; a disk keeps it while it is attached. `size_gib` is the desired size, which quota
    and space are counted by; `size_before_gib` is the size to go back to should an expand under way fail.
    `iops_set` and `bytes_set` are limits that its tenant has set; null follows the storage cluster's rule.

    `standby`: a system disk that no VM has: it is to replace another one (`replaces`), or is deleted in a moment. Only
    administrators see it, and of its size only what it has more than the disk it replaces counts for the quota.

    `copied_from` and `from_snapshot` say whose data it was created with. Until `independent_at` it reads from there.
    """

    class Role(models.TextChoices):
        SYSTEM = "system", gettext_lazy("System disk")
        DATA = "data", gettext_lazy("Data disk")

    role = models.CharField(max_length=8, choices=Role, default=Role.DATA)
    cluster = models.ForeignKey(StorageCluster, models.PROTECT, related_name="disks")
    size_gib = models.PositiveIntegerField()
    size_before_gib = models.PositiveIntegerField(null=True, blank=True, editable=False)
    vm = models.ForeignKey("compute.Vm", models.PROTECT, null=True, blank=True, related_name="disks")
    slot = models.PositiveSmallIntegerField(null=True, blank=True)
    # Thin clones read what they have not written from their image, which therefore has to stay.
    image = models.ForeignKey("compute.Image", models.PROTECT, null=True, blank=True, related_name="disks")
    # Where the image is of another storage cluster: the copy of it that is read instead.
    image_copy = models.ForeignKey(
        "compute.ImageCopy", models.PROTECT, null=True, blank=True, related_name="disks"
    )
    iops = models.PositiveIntegerField(default=0)
    bytes_per_second = models.BigIntegerField(default=0)
    iops_set = models.PositiveIntegerField(null=True, blank=True)
    bytes_set = models.BigIntegerField(null=True, blank=True)
    copied_from = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="copies")
    from_snapshot = models.ForeignKey(
        "storage.Snapshot", models.SET_NULL, null=True, blank=True, related_name="copies"
    )
    # Snapshot of `copied_from` that exists only to copy from; no row knows it.
    copy_point = models.UUIDField(null=True, blank=True, editable=False)
    independent_at = models.DateTimeField(null=True, blank=True, editable=False)
    standby = models.BooleanField(default=False, db_default=False, editable=False)
    replaces = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")

    if TYPE_CHECKING:
        snapshots: RelatedManager[Snapshot]
        copies: RelatedManager[Disk]

    class Meta:
        verbose_name = gettext_lazy("disk")
        verbose_name_plural = gettext_lazy("disks")
        constraints = [
            models.UniqueConstraint(fields=["vm"], condition=Q(role="system"), name="one_system_disk_per_vm"),
            models.UniqueConstraint(fields=["vm", "slot"], name="one_disk_per_slot"),
            models.CheckConstraint(
                condition=Q(vm__isnull=True, slot__isnull=True) | Q(vm__isnull=False, slot__isnull=False),
                name="attached_disk_has_a_slot",
            ),
            models.CheckConstraint(condition=Q(size_gib__gte=1), name="disk_size_is_positive"),
            models.CheckConstraint(
                condition=Q(standby=False) | Q(role="system", vm__isnull=True), name="standby_disk_has_no_vm"
            ),
        ]
        indexes = [
            # Those whose data is still being copied.
            models.Index(
                fields=["copied_from"], condition=Q(independent_at__isnull=True), name="disk_being_copied"
            ),
            models.Index(fields=["resource"], condition=Q(standby=True), name="disk_on_standby"),
        ]

    @property
    def is_system(self) -> bool:
        """Whether a VM boots from it."""
        return self.role == self.Role.SYSTEM

    @property
    def is_copying(self) -> bool:
        """Whether it still reads from what it was created with."""
        return self.copied_from_id is not None and self.independent_at is None

    @property
    def serial(self) -> str:
        """The serial number that the guest sees."""
        return str(self.pk).replace("-", "")[:SERIAL_LENGTH]

    @property
    def guest_path(self) -> str:
        """Where Linux guests find it, whatever its device is called."""
        return f"/dev/disk/by-id/virtio-{self.serial}"

    def ready_word(self) -> StateLabel:
        """Return the state to show for a disk that exists."""
        if self.vm_id is not None:
            return StateLabel(_("Attached"), "ok", code="attached")
        return StateLabel(_("Available"), "ok", code="available")

    @classmethod
    def ready_states(cls) -> list[ShownState]:
        """Return the words of `ready_word` with the condition of each."""
        free = models.Q(vm__isnull=True)
        return [
            ShownState(Status.ATTACHED, gettext_lazy("Attached"), ~free),
            ShownState(Status.AVAILABLE, gettext_lazy("Available"), free),
        ]
