"""What agents have left in Redis since it was last looked at, each message opened once.

Hosts leave a short heartbeat every few seconds and a whole report when it says something new (`apps.drivers.reports`).
What a process has opened it remembers, so that the next round opens only what is new; another worker, or this one
started again, opens the rest again, which costs time and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import redis.exceptions

from apps.accounts.secrets import unseal
from apps.drivers.errors import DriverError
from apps.drivers.orders import REPORT
from apps.drivers.reports import (
    HEARTBEAT,
    KEPT_SECONDS,
    PEERS,
    Heartbeat,
    HostReport,
    heartbeat_key,
    peers_key,
    report_key,
)
from apps.drivers.sealing import Seal
from apps.drivers.specs import PeerReport
from apps.infrastructure.models import Host
from apps.infrastructure.redis_connection import redis_client

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class LastHeard:
    """Seconds since anything came from a host's agent. `often`: it also reports its peers' heartbeats every second."""

    seconds: float
    often: bool


#: What a heartbeat, and any other message, has at most: a whole report of as many VMs as there can be has 1 MiB.
MOST_BYTES_OF_A_HEARTBEAT, MOST_BYTES = 4096, 4 << 20

#: Host → its last heartbeat as it was found, sealed.
_last_heartbeats: dict[str, bytes] = {}
#: Host → its last whole report.
_whole: dict[str, HostReport] = {}


def new_reports(hosts: Sequence[Host]) -> list[tuple[Host, HostReport]]:
    """Return the hosts that were heard of since the last call, each with what it says now."""
    beats = _new_beats(hosts)
    _fetch_whole([host for host, beat in beats if not _is_known(host, beat)])
    return [(host, _as_of(beat, whole)) for host, beat in beats if (whole := _whole.get(host.name))]


def last_heard(hosts: Sequence[Host]) -> dict[str, LastHeard]:
    """Return when each host was last heard of, by the clock of Redis."""
    pipe = redis_client().pipeline(transaction=False)
    for host in hosts:
        pipe.pttl(heartbeat_key(host.name))
        pipe.pttl(peers_key(host.name))
    left = pipe.execute() if hosts else []
    pairs = zip(hosts, left[::2], left[1::2], strict=True)
    return {host.name: _heard(report_ms, peers_ms) for host, report_ms, peers_ms in pairs}


def peer_reports(hosts: Sequence[Host]) -> dict[str, PeerReport]:
    """Return what hosts last read of their peers' heartbeats."""
    messages = fetch([peers_key(host.name) for host in hosts], MOST_BYTES_OF_A_HEARTBEAT)
    found = {
        host.name: opened(host, PEERS, message, PeerReport)
        for host, message in zip(hosts, messages, strict=True)
    }
    return {name: report for name, report in found.items() if report is not None}


def _heard(report_ms: int, peers_ms: int) -> LastHeard:
    """A key that is gone, or never expires, says nothing: then it was longer ago than it is kept."""
    report, peers = (KEPT_SECONDS - max(ms, 0) / 1000 for ms in (report_ms, peers_ms))
    return LastHeard(max(min(report, peers), 0.0), often=peers_ms > 0)


def fetch(keys: Sequence[str], most_bytes: int = MOST_BYTES) -> list[bytes | None]:
    """Return what is stored under each key; None for nothing, and for what is larger or no text."""
    pipe = redis_client().pipeline(transaction=False)
    for key in keys:
        pipe.getrange(key, 0, most_bytes)
    found = pipe.execute(raise_on_error=False) if keys else []
    for answer in found:
        if isinstance(answer, Exception) and not isinstance(answer, redis.exceptions.ResponseError):
            raise answer
    return [
        answer if isinstance(answer, bytes) and 0 < len(answer) <= most_bytes else None for answer in found
    ]


def opened(host: Host, purpose: str, message: bytes | None, kind: type[T]) -> T | None:
    """Return what a host has sealed; None when there is nothing, or nothing that can be read."""
    if message is None:
        return None
    try:
        return _seal(host.sealed_key).open(purpose, message, kind)
    except DriverError as error:
        log.warning("%s of host %s: %s", purpose, host.name, error.message)
        return None


def _new_beats(hosts: Sequence[Host]) -> list[tuple[Host, Heartbeat]]:
    found = []
    messages = fetch([heartbeat_key(host.name) for host in hosts], MOST_BYTES_OF_A_HEARTBEAT)
    for host, message in zip(hosts, messages, strict=True):
        if message is None or message == _last_heartbeats.get(host.name):
            continue
        if beat := opened(host, HEARTBEAT, message, Heartbeat):
            _last_heartbeats[host.name] = message
            found.append((host, beat))
    return found


def _is_known(host: Host, beat: Heartbeat) -> bool:
    whole = _whole.get(host.name)
    return whole is not None and whole.sent_at == beat.report_at


def _fetch_whole(hosts: Sequence[Host]) -> None:
    for host, message in zip(hosts, fetch([report_key(host.name) for host in hosts]), strict=True):
        _whole.pop(host.name, None)
        if report := opened(host, REPORT, message, HostReport):
            _whole[host.name] = report


def _as_of(beat: Heartbeat, whole: HostReport) -> HostReport:
    seen = replace(whole.observation, load_percent=beat.load_percent, memory_used_mib=beat.memory_used_mib)
    return replace(whole, observation=seen, sent_at=max(beat.sent_at, whole.sent_at))


@lru_cache(maxsize=10_000)
def _seal(sealed_key: str) -> Seal:
    return Seal(unseal(sealed_key))
