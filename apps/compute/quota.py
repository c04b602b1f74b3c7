"""What a VM counts for, and what a tenant has."""

from __future__ import annotations

from django.db.models import Count, Sum

from apps.compute.models import Image, KeyPair, Vm
from apps.infrastructure.need import Need


def vm_amounts(need: Need, disk_gib: int, count: int = 1) -> dict[str, int]:
    """Return metric → units of `count` such VMs, each with one system disk."""
    return {
        "vm": count,
        "vcpu": count * need.vcpu,
        "memory_gib": count * (need.memory_mib // 1024),
        "disk": count,
        "disk_gib": count * disk_gib,
    }


def existing(tenant_id: int) -> dict[str, int]:
    """Return metric → units of the tenant's VMs, images and key pairs, for `quotas.recount`."""
    vms = Vm.objects.filter(tenant_id=tenant_id).aggregate(
        n=Count("pk"), vcpu=Sum("vcpu"), mib=Sum("memory_mib")
    )
    return {
        "vm": vms["n"],
        "vcpu": vms["vcpu"] or 0,
        "memory_gib": (vms["mib"] or 0) // 1024,
        "image": Image.objects.filter(tenant_id=tenant_id).count(),
        "key_pair": KeyPair.objects.filter(tenant_id=tenant_id).count(),
    }
