"""Capacity and load as figures with a bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.infrastructure.load import Load
from apps.infrastructure.space import space_limit
from apps.portal import html

MIB_PER_GIB = 1024
GIB = 1 << 30
GIB_PER_TIB = 1024
#: From this many GiB on, sizes are said in TiB.
LARGE = 10 * GIB_PER_TIB


@dataclass(frozen=True)
class Figure:
    """One measure: what is used of what there is, in words, and a note below the bar."""

    label: str
    text: str
    used: float
    limit: float
    note: str = ""


def vcpu_bar(row: Any) -> SafeString:
    """Return vCPUs allocated out of those there are after over-commit, of a host or a cluster."""
    text = f"{whole(row.vcpu_reserved)} / {whole(row.vcpu_capacity)}"
    return html.gauge(row.vcpu_reserved, row.vcpu_capacity, text)


def memory_bar(row: Any) -> SafeString:
    """Return memory allocated, in GiB, of a host or a cluster."""
    used, limit = row.memory_reserved_mib / MIB_PER_GIB, row.memory_capacity_mib / MIB_PER_GIB
    return html.gauge(used, limit, _of(used, limit))


def load_bar(row: Any) -> SafeString:
    """Return a host's CPU load in percent."""
    return html.gauge(row.load_percent, 100, f"{row.load_percent:.0f} %")


def bytes_bar(used: int, limit: int) -> SafeString:
    """Return bytes used, in GiB."""
    return html.gauge(used, limit, _of(used / GIB, limit / GIB))


def gib_bar(used: float, limit: float) -> SafeString:
    """Return an amount of GiB used of a limit."""
    return html.gauge(used, limit, _of(used, limit))


def size(gib: float) -> str:
    """Return an amount of GiB as text, in TiB when it is large."""
    if gib >= LARGE:
        return f"{_tib(gib)} TiB"
    return f"{number_format(gib, 0 if gib >= 10 or gib == round(gib) else 1, force_grouping=True)} GiB"


def _tib(gib: float) -> str:
    tib = round(gib / GIB_PER_TIB, 1)
    return str(number_format(tib, 0 if tib == round(tib) else 1, force_grouping=True))


def whole(number: float) -> str:
    """Return a number without decimals, grouped as the reader is used to."""
    return str(number_format(number, 0, force_grouping=True))


def load_figures(load: Load) -> list[Figure]:
    """Return CPU load, memory used, and what of vCPUs and memory is allocated."""
    gib = {
        name: value / MIB_PER_GIB
        for name, value in (
            ("used", load.memory_used_mib),
            ("all", load.memory_mib),
            ("reserved", load.memory_reserved_mib),
            ("capacity", load.memory_capacity_mib),
        )
    }
    return [
        Figure(
            _("CPU load"),
            f"{load.cpu_percent:.0f} %",
            load.cpu_percent,
            100,
            _("of %(n)s CPU threads") % {"n": whole(load.threads)},
        ),
        Figure(
            _("Memory used"),
            size(gib["used"]),
            gib["used"],
            gib["all"],
            _("of %(size)s") % {"size": size(gib["all"])},
        ),
        Figure(
            _("Memory allocated"),
            size(gib["reserved"]),
            gib["reserved"],
            gib["capacity"],
            _("of %(size)s, %(free)s free")
            % {"size": size(gib["capacity"]), "free": size(max(gib["capacity"] - gib["reserved"], 0))},
        ),
        Figure(
            _("vCPUs allocated"),
            whole(load.vcpu_reserved),
            load.vcpu_reserved,
            load.vcpu_capacity,
            _("of %(n)s; %(ratio)s for each CPU thread")
            % {
                "n": whole(load.vcpu_capacity),
                "ratio": number_format(load.vcpus_per_thread, 1),
            },
        ),
    ]


def pool_figures(pools: Sequence[Any]) -> list[Figure]:
    """Return what storage clusters hold and have given out together."""
    capacity = sum(pool.capacity_bytes for pool in pools) / GIB
    used = sum(pool.used_bytes for pool in pools) / GIB
    provisioned = sum(pool.provisioned_gib for pool in pools)
    limit = sum(space_limit(pool) for pool in pools)
    return [
        Figure(
            _("Storage used"),
            size(used),
            used,
            capacity,
            _("of %(size)s") % {"size": size(capacity)},
        ),
        Figure(
            _("Storage allocated"),
            size(provisioned),
            provisioned,
            limit,
            # Disks are thin: more may be allocated than there is.
            _("of %(limit)s, %(share)s %% of the capacity")
            % {"limit": size(limit), "share": whole(100 * provisioned / capacity)}
            if capacity
            else "",
        ),
    ]


def _of(used: float, limit: float) -> str:
    # In the limit's unit, which is said once.
    shown = _tib(used) if limit >= LARGE else number_format(used, 0, force_grouping=True)
    return f"{shown} / {size(limit)}"
