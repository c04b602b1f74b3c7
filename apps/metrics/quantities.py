"""What is measured, in what unit: the one table that agents' readings, storage, API and charts go by.

A name is a column of the tables in `models.py` and would be a metric's name in a time-series database.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Unit(StrEnum):
    PERCENT = "percent"
    BYTES = "bytes"
    BYTES_PER_SECOND = "bytes/s"
    OPS_PER_SECOND = "1/s"
    MILLISECONDS = "ms"
    NONE = ""


@dataclass(frozen=True)
class Quantity:
    """One measured quantity; `kinds` are the kinds of subject that have it."""

    name: str
    label: str | Promise
    unit: Unit
    kinds: tuple[str, ...] = ("vm", "host", "compute_cluster")

    @property
    def together(self) -> str:
        """The SQL aggregate that makes one value of several subjects' values."""
        return "avg" if self.unit in {Unit.PERCENT, Unit.NONE} else "sum"


QUANTITIES = (
    # Of all the VM's vCPUs, or all the host's CPU threads: 100 is all of them busy.
    Quantity("cpu_percent", _("CPU"), Unit.PERCENT),
    # A VM: in use inside the guest if its balloon driver says so, else what QEMU holds on the host.
    Quantity("memory_bytes", _("Used"), Unit.BYTES),
    Quantity("memory_total_bytes", _("Total"), Unit.BYTES),
    Quantity("disk_read_bytes_per_second", _("Read"), Unit.BYTES_PER_SECOND, ("vm", "host", "disk")),
    Quantity("disk_write_bytes_per_second", _("Write"), Unit.BYTES_PER_SECOND, ("vm", "host", "disk")),
    Quantity("disk_read_ops_per_second", _("Reads"), Unit.OPS_PER_SECOND, ("vm", "host", "disk")),
    Quantity("disk_write_ops_per_second", _("Writes"), Unit.OPS_PER_SECOND, ("vm", "host", "disk")),
    # Seen from the subject: rx is what the guest, or the host, receives.
    Quantity("net_rx_bytes_per_second", _("Received"), Unit.BYTES_PER_SECOND),
    Quantity("net_tx_bytes_per_second", _("Sent"), Unit.BYTES_PER_SECOND),
    # Mean number of runnable tasks over a minute, as the kernel gives it.
    Quantity("load", _("Load"), Unit.NONE, ("host",)),
    # Of a host: the file system that holds the agent's state and logs. Of a storage cluster: what users' data takes.
    Quantity("disk_used_bytes", _("Used"), Unit.BYTES, ("host", "storage_cluster")),
    Quantity("disk_total_bytes", _("Total"), Unit.BYTES, ("host", "storage_cluster")),
    # Before replicas, and what a rebuild copies.
    Quantity("raw_used_bytes", _("Used"), Unit.BYTES, ("storage_cluster",)),
    Quantity("raw_total_bytes", _("Total"), Unit.BYTES, ("storage_cluster",)),
    Quantity("rebuild_bytes_per_second", _("Rebuild"), Unit.BYTES_PER_SECOND, ("storage_cluster",)),
    # Mean time of an operation, from the guest's request until it was answered.
    Quantity("disk_read_ms", _("Read"), Unit.MILLISECONDS, ("disk",)),
    Quantity("disk_write_ms", _("Write"), Unit.MILLISECONDS, ("disk",)),
)
BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}
NAMES = tuple(BY_NAME)


def names_of(kind: str) -> tuple[str, ...]:
    """Return the names of what is measured of a kind of subject: "vm", "host", "storage_cluster", …"""
    return tuple(quantity.name for quantity in QUANTITIES if kind in quantity.kinds)
