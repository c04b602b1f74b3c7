"""Capacity as figures with a bar."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.portal import pieces

MIB_PER_GIB = 1024
GIB = 1 << 30


def bar(used: float, limit: float, text: str) -> SafeString:
    """Return "3 / 12" above a meter; a dash when nothing is known yet."""
    if not limit:
        return pieces.nothing()
    return format_html('<span class="gauge"><span>{}</span>{}</span>', text, pieces.meter(used, limit, text))


def vcpu_bar(row: Any) -> SafeString:
    """Return vCPUs promised out of those there are after overcommit, of a host or a cluster."""
    return bar(row.vcpu_reserved, row.vcpu_capacity, f"{row.vcpu_reserved} / {row.vcpu_capacity}")


def memory_bar(row: Any) -> SafeString:
    """Return memory promised, in GiB, of a host or a cluster."""
    used, limit = row.memory_reserved_mib / MIB_PER_GIB, row.memory_capacity_mib / MIB_PER_GIB
    return bar(used, limit, f"{used:.0f} / {limit:.0f} GiB")


def bytes_bar(used: int, limit: int) -> SafeString:
    """Return bytes used, in GiB."""
    return bar(used, limit, f"{used / GIB:,.0f} / {limit / GIB:,.0f} GiB")
