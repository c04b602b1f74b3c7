"""What a VM counts for, and the quotas of VMs, images and SSH keys."""

from __future__ import annotations

from django.db.models import F, Sum
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from apps.compute.models import Image, KeyPair, Vm
from apps.compute.models.vm_template import VmTemplate
from apps.infrastructure.need import Need
from apps.quotas.metrics import Metric, declare, rows_of


def size_amounts(need: Need) -> dict[str, int]:
    """Return metric → units of vCPUs and memory alone."""
    return {"vcpu": need.vcpu, "memory_gib": need.memory_mib // 1024}


def vm_amounts(need: Need, disk_gib: int, count: int = 1) -> dict[str, int]:
    """Return metric → units of `count` such VMs, each with one system disk."""
    return {
        "vm": count,
        **{metric: count * units for metric, units in size_amounts(need).items()},
        "disk": count,
        "disk_gib": count * disk_gib,
    }


def reserved(own: str, next: str) -> Greatest:
    """Return what is reserved for a VM that may be resized: the larger of two columns, of which `next` may be null."""
    return Greatest(F(own), F(next))


def _total(tenant_id: int, own: str, next: str) -> int:
    total = Vm.objects.filter(tenant_id=tenant_id).aggregate(total=Sum(reserved(own, next)))["total"]
    return total or 0


def _vcpu(tenant_id: int) -> int:
    return _total(tenant_id, "vcpu", "resize_vcpu")


def _memory_gib(tenant_id: int) -> int:
    return _total(tenant_id, "memory_mib", "resize_memory_mib") // 1024


declare(
    Metric("vm", _("Virtual machines"), 50, rows_of(Vm), order=10, list="vm", foremost=True, on_overview=True)
)
declare(Metric("vcpu", _("vCPUs"), 200, _vcpu, order=11, list="vm", foremost=True, on_overview=True))
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
declare(Metric("vm_template", _("VM templates"), 50, rows_of(VmTemplate), order=41, list="vm_template"))
