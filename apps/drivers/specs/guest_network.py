"""What the guest agent of a VM configures on its NICs."""

from dataclasses import dataclass
from enum import StrEnum

from apps.drivers.bounds import Line


@dataclass(frozen=True, slots=True)
class GuestAddress:
    """An address that a guest shall have on a NIC, with its prefix; routes go by `gateway`, which may be off-link."""

    address: str
    gateway: str
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestNic:
    """What a guest shall have on the NIC with this MAC beside what DHCP gives it.

    Replies from these addresses leave by this NIC, whatever the default route (a table of routes of its own in the
    guest). What the platform put there earlier and is not named any more goes; the guest's own settings stay.
    """

    mac: str
    addresses: tuple[GuestAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestNetwork:
    """All of a VM that its guest agent configures. The host keeps it and applies it again when the guest has booted."""

    nics: tuple[GuestNic, ...] = ()
    generation: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to configure in the guest."""
        return not any(nic.addresses for nic in self.nics)


class GuestNetworkReason(StrEnum):
    """Why a guest does not have the network that it shall have; `apps.drivers.guest_network` has the words."""

    NONE = ""
    OFF = "off"
    PAUSED = "paused"
    NO_AGENT = "no_agent"
    SILENT = "silent"
    FORBIDDEN = "forbidden"
    NO_TOOLS = "no_tools"
    UNSUPPORTED = "unsupported"
    NO_NIC = "no_nic"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GuestNetworkState:
    """`applied`: the guest has all of it. Otherwise `reason` says why not, and `detail` what the guest said."""

    applied: bool
    reason: GuestNetworkReason = GuestNetworkReason.NONE
    detail: Line = ""
