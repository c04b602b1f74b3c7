"""What a host tells of its and its VMs' counters: a message of its own, beside the report and less often.

Reports come every few seconds and only the newest counts; counters are wanted at every step of the metrics' grid, and
would make each report several times as large. Rates are made of two readings by whoever reads them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

from msgspec import Meta

from apps.drivers.bounds import MOST_VMS, Mark, Moment, check_moment
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostUsage, VmUsage

if TYPE_CHECKING:
    import redis

STEP_SECONDS = 30
"""One reading in each such step of Unix time."""
KEPT_SECONDS = 120
USAGE = "usage"
"""Purpose of the seal."""


@dataclass(frozen=True, slots=True)
class UsageReading:
    """Counters at one moment. `boot_id` changes when the host was booted, and all counters with it."""

    at: Moment
    boot_id: Mark
    host: HostUsage
    vms: Annotated[tuple[VmUsage, ...], Meta(max_length=MOST_VMS)] = ()

    def __post_init__(self) -> None:
        check_moment(self.at)


def usage_key(host: str) -> str:
    """Return the Redis key of a host's last reading."""
    return f"host.{host}.usage"


def step_of(at: datetime) -> int:
    """Return the number of the step that a moment falls in."""
    return int(at.timestamp() // STEP_SECONDS)


def write_usage(client: "redis.Redis", host: str, seal: Seal, reading: UsageReading) -> None:
    """Leave a reading."""
    client.set(usage_key(host), seal.close(USAGE, reading), ex=KEPT_SECONDS)


def read_usage(client: "redis.Redis", host: str, seal_key: str | bytes) -> UsageReading | None:
    """Return a host's last reading, None when it is older than two minutes."""
    sealed = cast("bytes | None", client.get(usage_key(host)))
    return None if sealed is None else Seal(seal_key).open(USAGE, sealed, UsageReading)
