from apps.lifecycle.modules import load_modules
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

# A model of a module that is not named above is imported from that module.
load_modules(__name__)
