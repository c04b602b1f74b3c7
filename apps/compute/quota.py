"""What a VM counts for."""

from __future__ import annotations

from apps.infrastructure.placement import Need


def vm_amounts(need: Need, disk_gib: int, count: int = 1) -> dict[str, int]:
    """Return metric → units of `count` such VMs, each with one system disk."""
    return {
        "vm": count,
        "vcpu": count * need.vcpu,
        "memory_gib": count * (need.memory_mib // 1024),
        "disk": count,
        "disk_gib": count * disk_gib,
    }
