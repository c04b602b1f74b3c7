"""What networks a tenant has."""

from __future__ import annotations

from apps.network.models import SecurityGroup, Subnet, Vpc


def existing(tenant_id: int) -> dict[str, int]:
    """Return metric → units of the tenant's networks, for `quotas.recount`."""
    return {
        "vpc": Vpc.objects.filter(tenant_id=tenant_id).count(),
        "subnet": Subnet.objects.filter(tenant_id=tenant_id).count(),
        "security_group": SecurityGroup.objects.filter(tenant_id=tenant_id).count(),
    }
