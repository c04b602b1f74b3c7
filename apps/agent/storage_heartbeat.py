"""Renewing this host's heartbeat on shared storage, reading its peers', and reporting what was read.

A thread for each pool: one that hangs keeps no other from being renewed or read, and what was read of it before counts
no more. The report goes out by the network, so its coming says that the agent lives, too.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import redis.exceptions

from apps.drivers.errors import DriverError
from apps.drivers.reports import write_peers
from apps.drivers.sealing import Seal
from apps.drivers.specs import HeartbeatPlan, PeerBeat, PeerReport, PoolSpec

if TYPE_CHECKING:
    import redis

log = logging.getLogger(__name__)
PERIOD_SECONDS = 1.0
STALE_SECONDS = 5.0
"""What was read of a pool longer ago says nothing any more."""


class Heartbeats(Protocol):
    """Where hosts keep their heartbeats in pools of one driver. Raises OSError or DriverError."""

    def renew(self, pool: PoolSpec, host: str, mark: str) -> None:
        """Write a host's heartbeat."""

    def look(self, pool: PoolSpec, host: str) -> bytes:
        """Return what a host's heartbeat holds, b"" when it has none."""


@dataclass
class _Sight:
    """What a peer's heartbeat held last, and when that was first read."""

    content: bytes
    changed_at: float


@dataclass
class _Pool:
    """One pool: when its heartbeat was renewed, when its peers' were read, and what was seen of them."""

    renewed_at: float | None = None
    read_at: float | None = None
    sights: dict[str, _Sight] = field(default_factory=dict)


class StorageHeartbeat:
    """The threads. `plan` is asked again in each round; `kept_in`: by the driver of a pool."""

    def __init__(
        self,
        host: str,
        seal: Seal,
        client: "redis.Redis",
        plan: Callable[[], HeartbeatPlan],
        kept_in: Mapping[str, Heartbeats],
        period: float = PERIOD_SECONDS,
    ) -> None:
        self._host, self._seal, self._client = host, seal, client
        self._plan, self._kept_in, self._period = plan, kept_in, period
        self._life, self._started = uuid.uuid4().hex, time.monotonic()
        self._lock = threading.Lock()
        self._pools: dict[PoolSpec, _Pool] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Renew, read and report from now on."""
        threading.Thread(target=self._report_on, name="storage-heartbeat", daemon=True).start()

    def stop(self) -> None:
        """Do so no more."""
        self._stopping.set()

    def report(self) -> PeerReport:
        """Return what is known now."""
        now, plan = time.monotonic(), self._plan()
        with self._lock:
            pools = list(self._pools.values())
            renewed = max((pool.renewed_at for pool in pools if pool.renewed_at), default=self._started)
            read = [pool for pool in pools if pool.read_at and now - pool.read_at < STALE_SECONDS]
            ages = {peer: _age(read, peer, now) for peer in plan.peers}
        beats = tuple(PeerBeat(peer, age) for peer, age in ages.items() if age is not None)
        return PeerReport(datetime.now(UTC), now - renewed, beats)

    def _report_on(self) -> None:
        while True:
            try:
                self._see_pools()
                write_peers(self._client, self._host, self._seal, self.report())
            except redis.exceptions.RedisError as error:
                log.warning("No report of heartbeats: Redis does not respond: %s", error)
            except Exception:
                log.exception("No report of heartbeats")
            if self._stopping.wait(self._period):
                return

    def _see_pools(self) -> None:
        """Start a thread for each pool that is new, and forget those that are gone; their threads end by themselves."""
        wanted = {pool for pool in self._plan().pools if pool.driver in self._kept_in}
        with self._lock:
            fresh = wanted - self._pools.keys()
            self._pools = {pool: self._pools.get(pool) or _Pool() for pool in wanted}
        for pool in fresh:
            threading.Thread(
                target=self._beat_on, args=(pool,), name=f"heartbeat {pool.path}", daemon=True
            ).start()

    def _beat_on(self, pool: PoolSpec) -> None:
        count, mine = 0, self._pools.get(pool)
        while mine is not None and self._pools.get(pool) is mine:
            count += 1
            try:
                self._beat(pool, mine, count)
            except (OSError, DriverError) as error:
                log.warning("No heartbeat in %s: %s", pool.path, error)
            if self._stopping.wait(self._period):
                return

    def _beat(self, pool: PoolSpec, known: _Pool, count: int) -> None:
        kept, started = self._kept_in[pool.driver], time.monotonic()
        kept.renew(pool, self._host, f"{self._host} {self._life} {count}\n")
        with self._lock:
            known.renewed_at = started  # whoever reads it has done so later
        found = {peer: kept.look(pool, peer) for peer in self._plan().peers}
        now = time.monotonic()
        with self._lock:
            known.read_at = now
            for peer, content in found.items():
                seen = known.sights.get(peer)
                if seen is None or seen.content != content:
                    known.sights[peer] = _Sight(content, now)


def _age(pools: list[_Pool], peer: str, now: float) -> float | None:
    """Return the age of a peer's newest heartbeat in the pools that can be read; None when there are none."""
    ages = [now - pool.sights[peer].changed_at for pool in pools if peer in pool.sights]
    return min(ages, default=None)
