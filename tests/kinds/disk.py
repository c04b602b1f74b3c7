"""Disks."""

from __future__ import annotations

from apps.storage.models import Disk
from tests.kinds.case import KindCase
from tests.reconciliation.planting import stray_volume
from tests.security.words import admin, api, pages

CASE = KindCase(
    "disk",
    "disks",
    Disk,
    api=api("disks"),
    pages=pages("disk", read="one tab.activity"),
    admin=admin("disk", read="one tab.activity"),
    key=lambda world: Disk.objects.filter(project=world.project).order_by("created_at")[0].pk,
    stray=stray_volume,
)
