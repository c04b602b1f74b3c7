"""Shutting a host out of a Ceph cluster by its address: one entry of the blocklist for all clients that it has.

An entry without port and nonce holds for the whole address. Ceph's OSDs take no write of such a client, nor renew its
watches, as soon as they know the entry; and whoever has added it reaches no OSD that does not know it. So an image's
exclusive lock falls to the next client at once (`fencing.py` looks at single clients of VMs that are off).
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from apps.drivers.errors import DriverError
from apps.drivers.rbd.cluster import CephCluster
from apps.drivers.rbd.fencing import clients, host_of
from apps.drivers.specs import VolumeSpec
from apps.drivers.storage_fence import not_shut_out, own_address, readmission_forbidden, unknown_client

FORBIDDEN = "volumes.pool_forbidden"
SECONDS = 10 * 365 * 24 * 3600
"""An entry that expires would admit a host whose old guests may still run; `ensure_readmitted` removes it."""


class RbdHostFence:
    """`StorageFence` of a Ceph cluster. `guard` is called right before each change."""

    def __init__(self, cluster: CephCluster, guard: Callable[[], None] | None = None) -> None:
        self._cluster = cluster
        self._guard = guard or (lambda: None)

    def ensure_shut_out(self, address: str, volumes: Sequence[VolumeSpec], known: Collection[str]) -> None:
        if is_at(self._cluster.addresses(), address):
            raise own_address(address)
        self._refuse_unknown(volumes, {address, *known})
        self._guard()
        self._cluster.shut_out(entry_of(address), SECONDS)
        if not self.is_shut_out(address):
            raise not_shut_out(address)

    def ensure_readmitted(self, address: str) -> None:
        if not self.is_shut_out(address):
            return
        self._guard()
        try:
            self._cluster.ask("osd blocklist", blocklistop="rm", addr=entry_of(address))
        except DriverError as error:
            if error.code != FORBIDDEN:
                raise
            raise readmission_forbidden(self._cluster.pool.user, entry_of(address)) from error

    def is_shut_out(self, address: str) -> bool:
        listed = self._cluster.ask("osd blocklist ls") or ()
        return has_entry((str(entry["addr"]) for entry in listed), address)

    def _refuse_unknown(self, volumes: Sequence[VolumeSpec], known: Collection[str]) -> None:
        own = self._cluster.addresses()
        with self._cluster.use() as context:
            found = {host_of(client) for volume in volumes for client in clients(context, volume)}
        for address in sorted(found):
            if address not in known and not is_at(own, address):
                raise unknown_client(address)


def entry_of(address: str) -> str:
    """Return the entry for all clients at an address. Without its nonce a user with “profile rbd” may not add it."""
    return f"[{address}]:0/0" if ":" in address else f"{address}:0/0"


def has_entry(entries: Iterable[str], address: str) -> bool:
    """Whether one of the blocklist's entries is for all clients at an address."""
    return any(entry.endswith(":0/0") and host_of(entry) == address for entry in entries)


def is_at(addresses: str, address: str) -> bool:
    """Whether a client's own addresses ("v2:172.31.0.1:0/42", several in brackets) are at this one."""
    return re.search(rf"(?:^|[:\[,]){re.escape(address)}\]?:", addresses) is not None
