"""The heartbeats that hosts renew on shared storage, and what they read of each other's."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from apps.drivers.bounds import Measure, Moment, check_moment
from apps.drivers.specs.storage import PoolSpec

HostName = Annotated[str, Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z", max_length=63)]
MOST_PEERS, MOST_POOLS = 8, 64


@dataclass(frozen=True, slots=True)
class HeartbeatPlan:
    """In which pools a host (`id`: its name) renews its heartbeat, and which hosts' it reads there."""

    id: HostName
    peers: Annotated[tuple[HostName, ...], Meta(max_length=MOST_PEERS)] = ()
    pools: Annotated[tuple[PoolSpec, ...], Meta(max_length=MOST_POOLS)] = ()


@dataclass(frozen=True, slots=True)
class PeerBeat:
    """Seconds since a host's heartbeat was seen to change in any pool, by the reader's clock."""

    host: HostName
    age: Measure


@dataclass(frozen=True, slots=True)
class PeerReport:
    """What a host reads of its peers. A peer is missing while nothing can be said of it: no pool could be read.

    `own_age`: seconds since it renewed its own heartbeat.
    """

    sent_at: Moment
    own_age: Measure
    peers: Annotated[tuple[PeerBeat, ...], Meta(max_length=MOST_PEERS)] = ()

    def __post_init__(self) -> None:
        check_moment(self.sent_at)
