"""Capacity as figures with a bar."""

from __future__ import annotations

from typing import Any

from django.utils.safestring import SafeString

from apps.portal import pieces

MIB_PER_GIB = 1024
GIB = 1 << 30


def vcpu_bar(row: Any) -> SafeString:
    """Return vCPUs promised out of those there are after overcommit, of a host or a cluster."""
    return pieces.gauge(row.vcpu_reserved, row.vcpu_capacity)


def memory_bar(row: Any) -> SafeString:
    """Return memory promised, in GiB, of a host or a cluster."""
    used, limit = row.memory_reserved_mib / MIB_PER_GIB, row.memory_capacity_mib / MIB_PER_GIB
    return pieces.gauge(used, limit, f"{used:.0f} / {limit:.0f} GiB")


def load_bar(row: Any) -> SafeString:
    """Return a host's CPU load in percent."""
    return pieces.gauge(row.load_percent, 100, f"{row.load_percent:.0f} %")


def bytes_bar(used: int, limit: int) -> SafeString:
    """Return bytes used, in GiB."""
    return pieces.gauge(used, limit, f"{used / GIB:,.0f} / {limit / GIB:,.0f} GiB")
