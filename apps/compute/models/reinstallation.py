"""What a VM is to be reinstalled with, while an operation does so."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy

from apps.compute.models.image import Image
from apps.lifecycle.models import Operation


class Reinstallation(models.Model):
    """The new system disk of a VM and its new first-boot data, as `Vm` has them, until its operation has ended."""

    disk = models.OneToOneField(
        "storage.Disk", models.CASCADE, primary_key=True, related_name="reinstallation"
    )
    operation = models.OneToOneField(Operation, models.CASCADE, related_name="reinstallation")
    image = models.ForeignKey(Image, models.PROTECT, related_name="+")
    sealed_password_hash = models.TextField(blank=True, default="", editable=False)
    ssh_keys = models.JSONField(default=list, blank=True)
    key_pairs = models.JSONField(default=list, blank=True)
    sealed_user_data = models.TextField(blank=True, default="", editable=False)
    user_data_sha256 = models.CharField(max_length=64, blank=True, default="", editable=False)

    class Meta:
        verbose_name = gettext_lazy("reinstallation")
        verbose_name_plural = gettext_lazy("reinstallations")

    def __str__(self) -> str:
        return str(self.disk_id)
