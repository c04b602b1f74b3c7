"""Filters of disk lists."""

from __future__ import annotations

import django_filters as filters
from django.utils.translation import gettext_lazy as _

from apps.api.filters import ResourceFilter
from apps.storage.models import Disk


class DiskFilter(ResourceFilter):
    role = filters.ChoiceFilter(choices=Disk.Role.choices, label=_("Role"))
    cluster = filters.NumberFilter(field_name="cluster_id", label=_("Storage cluster"))
    vm = filters.UUIDFilter(field_name="vm_id", label=_("Virtual machine"))
