from apps.lifecycle.modules import load_modules
from apps.network.models.eip import Eip
from apps.network.models.eni import Eni
from apps.network.models.external import (
    Edge,
    ExternalSegment,
    ProviderNetwork,
    SegmentAddress,
    SegmentRange,
    VpcUplink,
)
from apps.network.models.nic import Nic, NicRole
from apps.network.models.security_group import Protocol, SecurityGroup, SecurityGroupRule
from apps.network.models.vpc import AllowedRange, Subnet, Vpc

__all__ = [
    "AllowedRange",
    "Edge",
    "Eip",
    "Eni",
    "ExternalSegment",
    "Nic",
    "NicRole",
    "Protocol",
    "ProviderNetwork",
    "SecurityGroup",
    "SecurityGroupRule",
    "SegmentAddress",
    "SegmentRange",
    "Subnet",
    "Vpc",
    "VpcUplink",
]

# A model of a module that is not named above is imported from that module.
load_modules(__name__)
