"""Blocks that are still free in a VPC, to suggest one for the next subnet."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network

from apps.network.ranges import LONGEST_PREFIX

#: Size of a suggested subnet: 253 addresses for VMs.
PREFIX = 24


def next_free(block: IPv4Network, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """Return the first free /24 of a block, or the largest smaller one where no /24 is left; None when it is full."""
    spans = sorted((int(each.network_address), int(each.broadcast_address)) for each in taken)
    for prefix in range(max(PREFIX, block.prefixlen), LONGEST_PREFIX + 1):
        found = _first_gap(block, spans, prefix)
        if found is not None:
            return found
    return None


def _first_gap(block: IPv4Network, spans: list[tuple[int, int]], prefix: int) -> IPv4Network | None:
    size = 2 ** (32 - prefix)
    at = int(block.network_address)
    for first, last in spans:
        if at + size <= first:
            break
        # Up to the next multiple of the size.
        at = max(at, (last // size + 1) * size)
    return IPv4Network((at, prefix)) if at + size - 1 <= int(block.broadcast_address) else None
