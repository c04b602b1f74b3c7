"""What a VM counts for, and the quotas of VMs, images and SSH keys."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.compute.models import Image, KeyPair, Vm
from apps.infrastructure.need import Need
from apps.quotas.metrics import Metric, declare, rows_of, total_of


def vm_amounts(need: Need, disk_gib: int, count: int = 1) -> dict[str, int]:
    """Return metric → units of `count` such VMs, each with one system disk."""
    return {
        "vm": count,
        "vcpu": count * need.vcpu,
        "memory_gib": count * (need.memory_mib // 1024),
        "disk": count,
        "disk_gib": count * disk_gib,
    }


def _memory_gib(tenant_id: int) -> int:
    return total_of(Vm, "memory_mib")(tenant_id) // 1024


declare(
    Metric("vm", _("Virtual machines"), 50, rows_of(Vm), order=10, list="vm", foremost=True, on_overview=True)
)
declare(
    Metric(
        "vcpu", _("vCPUs"), 200, total_of(Vm, "vcpu"), order=11, list="vm", foremost=True, on_overview=True
    )
)
declare(
    Metric(
        "memory_gib",
        _("Memory"),
        400,
        _memory_gib,
        order=12,
        list="vm",
        unit="GiB",
        foremost=True,
        on_overview=True,
    )
)
declare(Metric("image", _("Images"), 50, rows_of(Image), order=30, list="image"))
declare(Metric("key_pair", _("SSH keys"), 50, rows_of(KeyPair), order=40, list="key_pair"))
