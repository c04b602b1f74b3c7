"""What is counted per tenant, in what unit, and how much a new tenant gets."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Metric:
    """name is stored, label is shown; unit is "" for plain counts."""

    name: str
    label: str | Promise
    default: int
    unit: str = ""


METRICS = (
    Metric("vm", _("Virtual machines"), 50),
    Metric("vcpu", _("vCPUs"), 200),
    Metric("memory_gib", _("Memory"), 400, "GiB"),
    Metric("disk", _("Disks"), 100),
    Metric("disk_gib", _("Disk space"), 10_000, "GiB"),
    Metric("image", _("Images"), 50),
    Metric("key_pair", _("SSH key pairs"), 50),
    Metric("vpc", _("VPCs"), 10),
    Metric("subnet", _("Subnets"), 50),
    Metric("security_group", _("Security groups"), 50),
)

BY_NAME = {metric.name: metric for metric in METRICS}
