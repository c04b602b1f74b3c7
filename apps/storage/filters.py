"""Filters of disk lists."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Number, Text
from apps.api.filters import ResourceFilter
from apps.api.status_filter import status_filter
from apps.storage.models import Disk


class DiskFilter(ResourceFilter):
    by = {
        "status": status_filter(Disk),
        "role": Choices(_("Role"), "role", choices=Disk.Role.choices),
        "size": Number(_("Size (GiB)"), "size_gib"),
        "cluster": Choices(_("Storage cluster"), "cluster_id", each=forms.IntegerField),
        "vm": Choices(_("Virtual machine"), "vm_id", each=forms.UUIDField),
        "vm_name": Text(_("Virtual machine name"), "vm__name"),
        "iops": Number(_("Operations per second"), "iops"),
    }
