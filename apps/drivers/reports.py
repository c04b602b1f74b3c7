"""What a host reports of itself, and where the control plane finds it.

A whole report names every VM of the host; little of it changes from one to the next. So it is left when it says
something new, and every fifteen seconds; in between, a heartbeat a tenth as long says that it still holds.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from apps.drivers.bounds import Counter, Mark, Measure, Moment, Number, Version, check_moment
from apps.drivers.orders import REPORT
from apps.drivers.sealing import Seal
from apps.drivers.specs import HostObservation, PeerReport

if TYPE_CHECKING:
    import redis

PERIOD_SECONDS = 5.0
WHOLE_SECONDS = 15.0
"""A whole report is left again after so long, changed or not: sooner than a host that is not heard counts as silent."""
KEPT_SECONDS = 60
LIFE_BYTES = 64
"""So much of what a host says about its agent's start is compared."""
HEARTBEAT = "heartbeat"
PEERS = "peers"
"""Purposes of the seal."""


@dataclass(frozen=True, slots=True)
class HostReport:
    """`boot_id` changes when the host was booted: all its VMs are off then. `sequence` grows while the agent runs."""

    observation: HostObservation
    agent_version: Version
    boot_id: Mark
    sequence: Counter
    sent_at: Moment

    def __post_init__(self) -> None:
        check_moment(self.sent_at)


@dataclass(frozen=True, slots=True)
class Pulse:
    """`age`: seconds since the last report by the clock of Redis, at most KEPT_SECONDS. `life`: another one after each
    start of the agent; empty when it is not known."""

    age: float
    life: bytes


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """At `sent_at`, the whole report sent at `report_at` still held, but for these measures."""

    sent_at: Moment
    report_at: Moment
    load_percent: Measure
    memory_used_mib: Number

    def __post_init__(self) -> None:
        check_moment(self.sent_at)
        check_moment(self.report_at)


def heartbeat_key(host: str) -> str:
    """Return the Redis key of a host's last heartbeat."""
    return f"host.{host}.heartbeat"


def peers_key(host: str) -> str:
    """Return the Redis key of what a host last read of its peers' heartbeats."""
    return f"host.{host}.peers"


def report_key(host: str) -> str:
    """Return the Redis key of a host's last whole report."""
    return f"host.{host}.report"


def life_key(host: str) -> str:
    """Return the Redis key of what differs after each start of a host's agent."""
    return f"host.{host}.life"


def report_channel(host: str) -> str:
    """Return the Redis channel that hears of each whole report."""
    return f"host.{host}.reported"


def read_report(client: "redis.Redis", host: str, seal_key: str | bytes) -> HostReport | None:
    """Return a host's last whole report, None when it has been silent for a minute."""
    sealed = cast("bytes | None", client.get(report_key(host)))
    return None if sealed is None else Seal(seal_key).open(REPORT, sealed, HostReport)


def read_pulse(client: "redis.Redis", host: str) -> Pulse:
    """Return when a host reported last and which start of its agent that was."""
    pipe = client.pipeline(transaction=False)
    pipe.pttl(heartbeat_key(host))
    pipe.getrange(life_key(host), 0, LIFE_BYTES - 1)
    left_ms, life = cast("tuple[int, bytes | None]", pipe.execute())
    return Pulse(KEPT_SECONDS - max(left_ms, 0) / 1000, life or b"")


def write_report(client: "redis.Redis", host: str, seal: Seal, report: HostReport, life: str = "") -> None:
    """Leave a whole report with its first heartbeat, and which start of the agent it is from; tell those who listen."""
    pipe = client.pipeline(transaction=False)
    if life:
        pipe.set(life_key(host), life, ex=KEPT_SECONDS)
    # Before the heartbeat that names it: who has read that finds this.
    pipe.set(report_key(host), seal.close(REPORT, report), ex=KEPT_SECONDS)
    pipe.set(heartbeat_key(host), seal.close(HEARTBEAT, heartbeat(report, report.sent_at)), ex=KEPT_SECONDS)
    pipe.publish(report_channel(host), str(time.time()))
    pipe.execute()


def write_heartbeat(client: "redis.Redis", host: str, seal: Seal, beat: Heartbeat) -> None:
    """Leave a heartbeat."""
    client.set(heartbeat_key(host), seal.close(HEARTBEAT, beat), ex=KEPT_SECONDS)


def write_peers(client: "redis.Redis", host: str, seal: Seal, report: PeerReport) -> None:
    """Leave what a host has read of its peers' heartbeats."""
    client.set(peers_key(host), seal.close(PEERS, report), ex=KEPT_SECONDS)


def heartbeat(report: HostReport, report_at: datetime) -> Heartbeat:
    """Return what is left of a report when the one sent at `report_at` says the rest."""
    seen = report.observation
    return Heartbeat(report.sent_at, report_at, seen.load_percent, seen.memory_used_mib)
