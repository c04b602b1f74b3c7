"""Slowing down who tries passwords, by the network the tries come from.

What is slowed down is the network, never the ticket: a stranger must not be able to end somebody else's.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

#: Wrong passwords after which a network waits, and for how long at first and at most, in seconds. Ten seconds leave a
#: guesser 30 tries in a ticket's life, of 62 to the 8th; the ticket's owner behind the same address gets in between.
FREE_TRIES = 3
FIRST_DELAY, LONGEST_DELAY = 1.0, 10.0
#: Networks that are remembered; the longest unseen is forgotten first.
MOST_NETWORKS = 1024


@dataclass
class _Tries:
    wrong: int = 0
    free_at: float = 0.0


class Throttle:
    """Counts wrong passwords by network. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = threading.Lock()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def must_wait(self, address: str) -> bool:
        """Whether the network of `address` may not try yet. Asking does not make it wait longer."""
        with self._mutex:
            known = self._tries.get(network_of(address))
            return known is not None and self._clock() < known.free_at

    def failed(self, address: str) -> None:
        """Note a wrong password."""
        network = network_of(address)
        with self._mutex:
            known = self._tries.setdefault(network, _Tries())
            self._tries.move_to_end(network)
            known.wrong += 1
            beyond = known.wrong - FREE_TRIES
            if beyond >= 0:
                known.free_at = self._clock() + min(FIRST_DELAY * 2 ** min(beyond, 16), LONGEST_DELAY)
            if len(self._tries) > MOST_NETWORKS:
                self._tries.popitem(last=False)


def network_of(address: str) -> str:
    """Return the network that an address counts for: whoever has one address mostly has those beside it."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return str(ip_network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(ip_network((found, 24), strict=False))
