"""What drivers are told and what they answer: frozen dataclasses, never models.

Identifiers are UUID strings. `generation` is the desired generation of the row the spec was made from; drivers write it
into the backend (libvirt metadata, OVN external_ids) so that drift can be seen there.
"""

from apps.drivers.specs.compute import (
    RESUMABLE,
    ConsoleAddress,
    DiskAttachment,
    HostObservation,
    HostUsage,
    NicAttachment,
    PauseReason,
    Power,
    SeedSpec,
    VmSpec,
    VmStatus,
    VmUsage,
)
from apps.drivers.specs.network import (
    CONNECTION_LIMIT,
    Direction,
    FabricInventory,
    FabricSpec,
    PortSpec,
    RuleAction,
    RulePriority,
    RuleProtocol,
    RuleSpec,
    SecurityGroupSpec,
    SubnetSpec,
    VpcSpec,
)
from apps.drivers.specs.storage import (
    ImageInfo,
    ImageSpec,
    PoolInventory,
    PoolKind,
    PoolObservation,
    PoolSpec,
    Unfinished,
    VolumeSpec,
)

__all__ = [
    "CONNECTION_LIMIT",
    "RESUMABLE",
    "ConsoleAddress",
    "Direction",
    "DiskAttachment",
    "FabricInventory",
    "FabricSpec",
    "HostObservation",
    "HostUsage",
    "ImageInfo",
    "ImageSpec",
    "NicAttachment",
    "PauseReason",
    "PoolInventory",
    "PoolKind",
    "PoolObservation",
    "PoolSpec",
    "PortSpec",
    "Power",
    "RuleAction",
    "RulePriority",
    "RuleProtocol",
    "RuleSpec",
    "SecurityGroupSpec",
    "SeedSpec",
    "SubnetSpec",
    "Unfinished",
    "VmSpec",
    "VmStatus",
    "VmUsage",
    "VolumeSpec",
    "VpcSpec",
]
