"""Uploads and exports: a row each, with how much of the file there is; the file itself is in the spool (`spool.py`)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Project, Tenant, User
from apps.lifecycle.models import Operation, Resource

GIB = 1 << 30


class Upload(models.Model):
    """A file of `size` bytes of which the first `received` are in the spool.

    Without a tenant it is an administrator's. `operation` is what imports it: as long as that is open, the file stays.
    `reserved_gib` is what it counts for in the tenant's quota.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True, related_name="+")
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="+")
    owner = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="+")
    name = models.CharField(max_length=255, blank=True, default="")
    size = models.BigIntegerField()
    received = models.BigIntegerField(default=0)
    reserved_gib = models.PositiveIntegerField(default=0)
    # Hexadecimal, in small letters; empty: not given.
    sha256 = models.CharField(max_length=64, blank=True, default="")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gt=0, received__gte=0, received__lte=F("size")),
                name="upload_received_in_size",
            )
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)

    @property
    def is_complete(self) -> bool:
        """Whether all of the file has come."""
        return self.received == self.size

    def expires_at(self, hours: int) -> datetime:
        """Return when it is removed unless a further part comes, or an image is made of it."""
        return self.active_at + timedelta(hours=hours)


class Export(models.Model):
    """A file of `size` bytes made of a resource for administrators to download; whole once `sha256` is known.

    A later attempt at the same makes another row, so that no two write to one file. `operation` is what makes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    resource = models.OneToOneField(Resource, models.CASCADE, related_name="+")
    name = models.CharField(max_length=255)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64, blank=True, default="")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("download")
        verbose_name_plural = _("downloads")
        constraints = [models.CheckConstraint(condition=Q(size__gt=0), name="export_has_size")]

    def __str__(self) -> str:
        return self.name


def gib_of(size: int) -> int:
    """Return what a file of this size counts for: whole GiB, at least one."""
    return max(1, -(-size // GIB))
