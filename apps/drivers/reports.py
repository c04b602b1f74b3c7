"""What a host reports of itself, and where the control plane finds it."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from apps.drivers.orders import REPORT
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostObservation

if TYPE_CHECKING:
    import redis

PERIOD_SECONDS = 5.0
KEPT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class HostReport:
    """`boot_id` changes when the host was booted: all its VMs are off then. `sequence` grows while the agent runs."""

    observation: HostObservation
    agent_version: str
    boot_id: str
    sequence: int
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """`age`: seconds since the last report by the clock of Redis, at most KEPT_SECONDS. `life`: another one after each
    start of the agent; empty when it is not known."""

    age: float
    life: bytes


def report_key(host: str) -> str:
    """Return the Redis key of a host's last report."""
    return f"host.{host}.report"


def life_key(host: str) -> str:
    """Return the Redis key of what differs after each start of a host's agent."""
    return f"host.{host}.life"


def report_channel(host: str) -> str:
    """Return the Redis channel that hears of each new report."""
    return f"host.{host}.reported"


def read_report(client: "redis.Redis", host: str, seal_key: str | bytes) -> HostReport | None:
    """Return a host's last report, None when it has been silent for a minute."""
    sealed = cast("bytes | None", client.get(report_key(host)))
    return None if sealed is None else Seal(seal_key).open(REPORT, sealed, HostReport)


def read_pulse(client: "redis.Redis", host: str) -> Pulse:
    """Return when a host reported last and which start of its agent that was."""
    pipe = client.pipeline(transaction=False)
    left_ms, life = cast(
        "tuple[int, bytes | None]", pipe.pttl(report_key(host)).get(life_key(host)).execute()
    )
    return Pulse(KEPT_SECONDS - max(left_ms, 0) / 1000, life or b"")


def write_report(client: "redis.Redis", host: str, seal: Seal, report: HostReport, life: str = "") -> None:
    """Leave a report, and which start of the agent it is from, and tell those who listen."""
    pipe = client.pipeline(transaction=False)
    if life:
        pipe.set(life_key(host), life, ex=KEPT_SECONDS)
    pipe.set(report_key(host), seal.close(REPORT, report), ex=KEPT_SECONDS)
    pipe.publish(report_channel(host), str(time.time()))
    pipe.execute()
