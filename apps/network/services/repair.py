"""What an administrator does to networks whose rows and fabric differ."""

from __future__ import annotations

from apps.network.verbs import (
    SECURITY_GROUP_FORCE_CLEAN,
    SECURITY_GROUP_RESYNC,
    SUBNET_FORCE_CLEAN,
    SUBNET_RESYNC,
    VPC_FORCE_CLEAN,
    VPC_RESYNC,
)
from apps.reconciliation.acts import force_cleans, repairs

resync_vpc = repairs(VPC_RESYNC)
resync_subnet = repairs(SUBNET_RESYNC)
resync_security_group = repairs(SECURITY_GROUP_RESYNC)
force_clean_vpc = force_cleans(VPC_FORCE_CLEAN)
force_clean_subnet = force_cleans(SUBNET_FORCE_CLEAN)
force_clean_security_group = force_cleans(SECURITY_GROUP_FORCE_CLEAN)
