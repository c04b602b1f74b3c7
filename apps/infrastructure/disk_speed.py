"""How fast the disks of a storage cluster may be (EV-6): the same for all, or growing with size."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.errors import Invalid

MIB = 1 << 20
MOST_BURST, MOST_BURST_SECONDS = 10, 3600


@dataclass(frozen=True)
class SpeedRule:
    """Operations per second and MiB per second: a base, a gain per GiB, a ceiling. Without a gain, all are alike.

    For `burst_seconds` a disk may reach `burst` times its limits; 1 is no burst.
    """

    iops: int
    iops_per_gib: int
    iops_most: int
    mib: int
    mib_per_gib: float
    mib_most: int
    burst: int = 1
    burst_seconds: int = 1

    def limits(self, size_gib: int) -> tuple[int, int]:
        """Return (operations per second, bytes per second) of a disk of that size."""
        iops = min(self.iops + self.iops_per_gib * size_gib, self.iops_most)
        mib = min(self.mib + self.mib_per_gib * size_gib, self.mib_most)
        return iops, int(mib * MIB)


DEFAULT_RULES = {
    StorageCluster.Media.NVME: SpeedRule(3000, 50, 100_000, 200, 1.0, 1000),
    StorageCluster.Media.SSD: SpeedRule(1800, 30, 25_000, 120, 0.5, 300),
    StorageCluster.Media.SATA: SpeedRule(500, 2, 3_000, 60, 0.1, 120),
}
#: The parts of a rule that a cluster may leave to its medium.
PARTS = ("iops", "iops_per_gib", "iops_most", "mib", "mib_per_gib", "mib_most")
#: What `speed_rule` reads.
SPEED_COLUMNS = ("media", *(f"qos_{part}" for part in PARTS), "qos_burst", "qos_burst_seconds")


def speed_rule(cluster: StorageCluster) -> SpeedRule:
    """Return the rule of a cluster: its own, and its medium's for what it does not say."""
    default = DEFAULT_RULES[StorageCluster.Media(cluster.media)]
    given = {part: getattr(cluster, f"qos_{part}") for part in PARTS}
    own = {part: getattr(default, part) if value is None else value for part, value in given.items()}
    return SpeedRule(**own, burst=cluster.qos_burst, burst_seconds=cluster.qos_burst_seconds)


def changed_rule(cluster: StorageCluster, changes: Mapping[str, Any]) -> tuple[dict[str, Any], SpeedRule]:
    """Return the columns of a changed rule, by the names of its parts, and the rule it makes. Raises Invalid."""
    columns = {f"qos_{part}": value for part, value in changes.items()}
    row = copy(cluster)
    for column, value in columns.items():
        setattr(row, column, value)
    rule = speed_rule(row)
    wrong = {}
    if rule.iops_most < rule.iops:
        wrong["iops_most"] = [_("At least the base of %(base)s.") % {"base": rule.iops}]
    if rule.mib_most < rule.mib:
        wrong["mib_most"] = [_("At least the base of %(base)s.") % {"base": rule.mib}]
    if wrong:
        raise Invalid(wrong)
    return columns, rule
