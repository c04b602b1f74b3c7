"""Filters of disk lists."""

from __future__ import annotations

from django import forms
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Flag, Moment, Number, Text
from apps.api.filters import ResourceFilter
from apps.api.status_filter import status_filter
from apps.storage.models import Consistency, Disk, Snapshot
from apps.storage.qos import MIB
from apps.storage.selectors import SNAPSHOT_COUNT


def _attached(value: bool) -> Q:
    return Q(vm__isnull=not value)


class DiskFilter(ResourceFilter):
    by = {
        "status": status_filter(Disk),
        "role": Choices(_("Role"), "role", choices=Disk.Role.choices),
        "size": Number(_("Size (GiB)"), "size_gib"),
        "cluster": Choices(_("Storage cluster"), "cluster_id", each=forms.IntegerField),
        "vm": Choices(_("Virtual machine"), "vm_id", each=forms.UUIDField),
        "vm_name": Text(_("Virtual machine name"), "vm__name"),
        "iops": Number(_("IOPS"), "iops"),
        "throughput": Number(_("MiB/s"), "bytes_per_second", scale=MIB),
        "snapshots": Number(_("Snapshots"), expression=SNAPSHOT_COUNT),
        "attached": Flag(_("Attached"), where=_attached),
        "copied_from": Choices(_("Copied from"), "copied_from_id", each=forms.UUIDField),
    }


class SnapshotFilter(ResourceFilter):
    by = {
        "status": status_filter(Snapshot),
        "disk": Choices(_("Disk"), "disk_id", each=forms.UUIDField),
        "disk_name": Text(_("Disk name"), "disk__name"),
        "vm": Choices(_("Virtual machine"), "disk__vm_id", each=forms.UUIDField),
        "size": Number(_("Size (GiB)"), "size_gib"),
        "consistency": Choices(_("Consistency"), "consistency", choices=Consistency.choices),
        "group": Choices(_("Group"), "group", each=forms.UUIDField),
        "cluster": Choices(_("Storage cluster"), "disk__cluster_id", each=forms.IntegerField),
        "taken": Moment(_("Taken at"), "taken_at"),
    }
