from apps.network.models.nic import Nic, NicRole
from apps.network.models.security_group import Protocol, SecurityGroup, SecurityGroupRule
from apps.network.models.vpc import AllowedRange, Subnet, Vpc

__all__ = [
    "AllowedRange",
    "Nic",
    "NicRole",
    "Protocol",
    "SecurityGroup",
    "SecurityGroupRule",
    "Subnet",
    "Vpc",
]
