"""Disks: the system disk of each VM, and data disks, which may be attached to one."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.models import Kind
from apps.lifecycle.models.status import Status
from apps.lifecycle.shown_states import ShownState
from apps.lifecycle.state_labels import StateLabel


class Disk(Kind):
    """A disk on a storage cluster, thin, perhaps cloned from an image. Limits of 0 mean unlimited.

    A system disk is created and deleted with its VM, by the VM's operations. A data disk outlives its VM.
    """

    class Role(models.TextChoices):
        SYSTEM = "system", gettext_lazy("System disk")
        DATA = "data", gettext_lazy("Data disk")

    role = models.CharField(max_length=8, choices=Role, default=Role.DATA)
    cluster = models.ForeignKey(StorageCluster, models.PROTECT, related_name="disks")
    size_gib = models.PositiveIntegerField()
    vm = models.ForeignKey("compute.Vm", models.PROTECT, null=True, blank=True, related_name="disks")
    # Thin clones read what they have not written from their image, which therefore has to stay.
    image = models.ForeignKey("compute.Image", models.PROTECT, null=True, blank=True, related_name="disks")
    iops = models.PositiveIntegerField(default=0)
    bytes_per_second = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = gettext_lazy("disk")
        verbose_name_plural = gettext_lazy("disks")
        constraints = [
            models.UniqueConstraint(fields=["vm"], condition=Q(role="system"), name="one_system_disk_per_vm"),
            models.CheckConstraint(condition=Q(size_gib__gte=1), name="disk_size_is_positive"),
        ]

    @property
    def is_system(self) -> bool:
        """Whether a VM boots from it."""
        return self.role == self.Role.SYSTEM

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
