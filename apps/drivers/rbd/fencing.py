"""Shutting out the Ceph clients of a host on which a VM no longer runs.

Ceph learns of a client that lost power, or whose QEMU was killed, only when its watch expires (30 s by default). Until
then its lock stands, and the first write of the VM elsewhere waits. A client on Ceph's blocklist is gone at once, and
should it still live, none of its writes is accepted any more.
"""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from apps.drivers.rbd.cluster import CephCluster
from apps.drivers.rbd.names import volume_name
from apps.drivers.rbd.opening import HalfMade, open_image
from apps.drivers.specs import VolumeSpec

MOST_AT_ONCE = 4
"""Half of the calls that may wait for a cluster. An entry takes up to a second, several at a time take no longer."""


def fence(
    cluster: CephCluster, volumes: Iterable[VolumeSpec], hosts: Collection[str], guard: Callable[[], None]
) -> tuple[str, ...]:
    """Put the clients at the addresses `hosts` that have a volume open, or locked, on the blocklist; return them.

    The entries expire by themselves, by default after an hour: each is for one client of one process.
    """
    with cluster.use() as context:
        found = {client for volume in volumes for client in clients(context, volume)}
    dead = sorted(client for client in found if host_of(client) in hosts)
    if dead:
        guard()
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(dead))) as threads:
            list(threads.map(cluster.shut_out, dead))
    return tuple(dead)


def clients(context: Any, volume: VolumeSpec) -> set[str]:
    """Return the addresses ("ip:port/nonce") of all that have a volume open for writing, or hold its lock.

    Both are needed: a lock is taken at the first write only, and a watch may expire before its lock is broken.
    """
    try:
        image = open_image(context, volume_name(volume.id), read_only=True)
    except HalfMade:
        return set()
    if image is None:
        return set()
    with image:  # open read-only, or this would be one of them
        locks = image.list_lockers() or {}
        return {watcher["addr"] for watcher in image.watchers_list()} | {
            address for _client, _cookie, address in locks.get("lockers", ())
        }


def host_of(client: str) -> str:
    """Return the IP address of a client's ("172.31.0.11:0/42", "[2001:db8::1]:0/42", "v1:…")."""
    place = client.partition("/")[0].rpartition(":")[0]
    for protocol in ("v1:", "v2:", "any:"):
        place = place.removeprefix(protocol)
    return place.strip("[]")
