"""Moving a running VM from one host to another."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import Line


class Presence(StrEnum):
    """What a host has of a VM, where it may be on two.

    WAITING: its processors wait for the end of a migration, or for the rest of a start. RUNNING: it lives here, also
    while it is being copied elsewhere, or is paused for another reason.
    """

    ABSENT = "absent"
    OFF = "off"
    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a host has ready for a VM that arrives: where its screen will listen, and the file of its seed."""

    screen_host: Line
    seed: Annotated[str, Meta(max_length=255)]


@dataclass(frozen=True, slots=True)
class MigrationLimits:
    """How a migration may go about it.

    `converge`: slow the guest's processors down, more and more, where it writes memory faster than it is copied.
    `downtime_ms`: for so long the guest may stand still at the end. `mib_per_second`: 0 for no limit.
    """

    converge: bool = True
    downtime_ms: int = 500
    mib_per_second: int = 0


@dataclass(frozen=True, slots=True)
class MigrationProgress:
    """How far a migration is. `downtime_ms`: expected, 0 while it is not known. All 0 before the first byte."""

    total_bytes: int = 0
    remaining_bytes: int = 0
    bytes_per_second: int = 0
    downtime_ms: int = 0
    slowed_percent: int = 0

    @property
    def percent(self) -> int:
        """Part of the guest's memory that has been copied and has not changed since, in percent."""
        if not self.total_bytes:
            return 0
        return max(0, min(100, 100 - 100 * self.remaining_bytes // self.total_bytes))
