"""What a cluster says of itself, as Ceph's own commands answer it in JSON. Nothing here needs librados."""

from typing import Any, Protocol

from apps.drivers.bounds import MOST_COUNT
from apps.drivers.pool_errors import pool_missing
from apps.drivers.specs import HealthCheck, PoolHealth, PoolObservation, PoolSpec, Severity
from apps.drivers.specs.storage import MOST_CHECKS

LONGEST = 128
SEVERITIES = {
    "HEALTH_OK": Severity.OK,
    "HEALTH_WARN": Severity.WARNING,
    "HEALTH_ERR": Severity.ERROR,
}


class Asked(Protocol):
    """Something that answers Ceph's commands."""

    @property
    def pool(self) -> PoolSpec:
        """The pool in question."""

    def ask(self, prefix: str, **arguments: str) -> Any:
        """Return the answer of a command."""


def look(cluster: Asked) -> PoolObservation:
    """Return capacity and health of the cluster's pool, without its contents; a few milliseconds."""
    name = cluster.pool.path
    df = cluster.ask("df", detail="detail")
    total, used = capacity(cluster.pool, df)
    settings: dict[str, Any] = {}
    for variable in ("size", "min_size", "crush_rule"):
        settings |= cluster.ask("osd pool get", pool=name, var=variable)
    rule = cluster.ask("osd crush rule dump", name=settings["crush_rule"])
    return PoolObservation(total, used, health=health(cluster.ask("status"), df, settings, rule))


def capacity(pool: PoolSpec, df: Any) -> tuple[int, int]:
    """Return (capacity, used) of the pool in bytes of users' data, from `df detail`."""
    stats = next((each["stats"] for each in df["pools"] if each["name"] == pool.path), None)
    if stats is None:
        raise pool_missing(pool)
    used = int(stats["stored"])
    total = used + int(stats["max_avail"])
    quota = int(stats.get("quota_bytes", 0))
    return (min(total, max(quota, used)) if quota else total), used


def health(status: Any, df: Any, pool_settings: Any, rule: Any) -> PoolHealth:
    """Return the answers of `status`, `df detail`, `osd pool get` and `osd crush rule dump` as `PoolHealth`."""
    osds, groups = status["osdmap"], status["pgmap"]
    return PoolHealth(
        severity=SEVERITIES.get(status["health"]["status"], Severity.ERROR),
        checks=_checks(status["health"]["checks"]),
        raw_capacity_bytes=_count(df["stats"], "total_bytes"),
        raw_used_bytes=_count(df["stats"], "total_used_raw_bytes"),
        replicas=_count(pool_settings, "size"),
        replicas_needed=_count(pool_settings, "min_size"),
        failure_domain=failure_domain(rule),
        osds=_count(osds, "num_osds"),
        osds_up=_count(osds, "num_up_osds"),
        osds_in=_count(osds, "num_in_osds"),
        degraded_objects=_count(groups, "degraded_objects"),
        misplaced_objects=_count(groups, "misplaced_objects"),
        objects=_count(groups, "num_objects"),
        rebuild_bytes_per_second=_count(groups, "recovering_bytes_per_sec"),
        rebuild_objects_per_second=_count(groups, "recovering_objects_per_sec"),
    )


def failure_domain(rule: Any) -> str:
    """Return what each replica stands on another of: the type of the rule's choosing step."""
    chosen = (step["type"] for step in rule.get("steps", ()) if "type" in step)
    return _line(next(chosen, ""), 16)


def _checks(found: Any) -> tuple[HealthCheck, ...]:
    shown = sorted((code, check) for code, check in found.items() if not check.get("muted"))
    return tuple(
        HealthCheck(
            _line(code, 64),
            SEVERITIES.get(check["severity"], Severity.ERROR),
            _line(check["summary"]["message"]),
        )
        for code, check in shown[:MOST_CHECKS]
    )


def _count(values: Any, name: str) -> int:
    """Ceph leaves out what is zero."""
    return min(max(0, int(values.get(name, 0))), MOST_COUNT)


def _line(text: str, longest: int = LONGEST) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:longest]
