"""What is sent and answered of storage clusters: bodies and representations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from apps.accounts.rights import Rights
from apps.api import limits
from apps.api.representation import moment
from apps.api.vocabulary import one_of
from apps.infrastructure.api.clusters import (
    ClusterChanges,
    ClusterOut,
    NewCluster,
)
from apps.infrastructure.cluster_status import PoolStatus, status_of_pool
from apps.infrastructure.connection import Reach, connection_of
from apps.infrastructure.disk_speed import MOST_BURST, MOST_BURST_SECONDS, speed_rule
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.models.storage_cluster import CEPH, DEFAULT_OVERCOMMIT, FILE, OVERCOMMIT_BOUNDS
from apps.infrastructure.pool_access import MAX_KEY, MAX_MONITOR, MAX_MONITORS, MAX_PATH, MAX_USER
from apps.infrastructure.pool_health import health_of, rebuild_of
from apps.infrastructure.space import space_limit

_LEAST_OVERCOMMIT, _MOST_OVERCOMMIT = OVERCOMMIT_BOUNDS


class StorageClusterBody(NewCluster):
    driver = serializers.ChoiceField(
        choices=[FILE, CEPH], default=FILE, help_text="file: a directory on every host; rbd: a Ceph pool."
    )
    path = serializers.CharField(
        max_length=MAX_PATH, help_text="The directory on every host, or the name of the Ceph pool."
    )
    monitors = serializers.ListField(
        child=serializers.CharField(max_length=MAX_MONITOR),
        required=False,
        default=list,
        max_length=MAX_MONITORS,
        help_text="Of the Ceph cluster: address, and port if it is not 3300.",
    )
    user = serializers.CharField(
        max_length=MAX_USER, required=False, default="", allow_blank=True, help_text="Ceph user."
    )
    key = serializers.CharField(
        max_length=MAX_KEY,
        required=False,
        default="",
        allow_blank=True,
        write_only=True,
        help_text="Key of the Ceph user. It is stored encrypted and never shown again.",
    )
    media = serializers.ChoiceField(choices=StorageCluster.Media.choices, default=StorageCluster.Media.SSD)
    max_disk_gib = serializers.IntegerField(default=32_000, min_value=10, max_value=limits.INTEGER)
    overcommit = serializers.IntegerField(
        default=DEFAULT_OVERCOMMIT,
        min_value=_LEAST_OVERCOMMIT,
        max_value=_MOST_OVERCOMMIT,
        help_text="Percent of the capacity that disks may add up to.",
    )


class StorageClusterChanges(ClusterChanges):
    max_disk_gib = serializers.IntegerField(min_value=10, max_value=limits.INTEGER)
    overcommit = serializers.IntegerField(min_value=_LEAST_OVERCOMMIT, max_value=_MOST_OVERCOMMIT)
    path = serializers.CharField(max_length=MAX_PATH, help_text="Only of a cluster without disks and images.")
    monitors = serializers.ListField(
        child=serializers.CharField(max_length=MAX_MONITOR), max_length=MAX_MONITORS
    )
    user = serializers.CharField(max_length=MAX_USER)


class PoolKeyBody(serializers.Serializer[Any]):
    key = serializers.CharField(max_length=MAX_KEY, write_only=True, help_text="Key of the Ceph user.")


def _part(least: int = 0) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=least, max_value=limits.INTEGER
    )


class SpeedBody(serializers.Serializer[Any]):
    """The rule for new disks: a base, a gain per GiB, a ceiling. null: the default of the cluster's medium."""

    iops = _part(1)
    iops_per_gib = _part()
    iops_most = _part(1)
    mib = _part(1)
    mib_per_gib = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=1e6)
    mib_most = _part(1)
    burst = serializers.IntegerField(required=False, min_value=1, max_value=MOST_BURST)
    burst_seconds = serializers.IntegerField(required=False, min_value=1, max_value=MOST_BURST_SECONDS)


class SpeedOut(serializers.Serializer[Any]):
    iops = serializers.IntegerField()
    iops_per_gib = serializers.IntegerField()
    iops_most = serializers.IntegerField()
    mib = serializers.IntegerField()
    mib_per_gib = serializers.FloatField()
    mib_most = serializers.IntegerField()
    burst = serializers.IntegerField(
        help_text="So many times its limits a disk may reach for a while; 1: none."
    )
    burst_seconds = serializers.IntegerField()


class ConnectionOut(serializers.Serializer[Any]):
    status = one_of([reach.value for reach in Reach])
    at = serializers.DateTimeField(allow_null=True)
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField()


class HealthCheckOut(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="As Ceph names it.")
    severity = one_of(["ok", "warning", "error"])
    text = serializers.CharField()


class RebuildOut(serializers.Serializer[Any]):
    objects_left = serializers.IntegerField(help_text="Copies of objects to make or move.")
    percent = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    bytes_per_second = serializers.IntegerField()
    seconds_left = serializers.IntegerField(allow_null=True, help_text="null: no progress.")


class HealthOut(serializers.Serializer[Any]):
    severity = one_of(["ok", "warning", "error"])
    checks = HealthCheckOut(many=True)
    raw_capacity_bytes = serializers.IntegerField()
    raw_used_bytes = serializers.IntegerField()
    replicas = serializers.IntegerField()
    replicas_needed = serializers.IntegerField()
    failure_domain = serializers.CharField()
    osds = serializers.IntegerField()
    osds_up = serializers.IntegerField()
    osds_in = serializers.IntegerField()
    rebuild = RebuildOut(allow_null=True)
    at = serializers.DateTimeField(allow_null=True)


#: Of how a cluster is reached and how it is, which is no tenant's business: what a tenant reads instead.
_INNER: dict[str, Any] = {
    "path": "",
    "monitors": [],
    "user": "",
    "has_key": False,
    "connection": None,
    "health": None,
}


class StorageClusterOut(ClusterOut):
    status = one_of(PoolStatus.values, help_text="By its last check; `unchecked`: there was none yet.")
    media = serializers.ChoiceField(choices=StorageCluster.Media.choices)
    driver = serializers.CharField(help_text="file: a directory on every host; rbd: a Ceph pool.")
    accepts_disks = serializers.BooleanField(help_text="Whether new disks can be created.")
    max_disk_gib = serializers.IntegerField()
    capacity_bytes = serializers.IntegerField()
    used_bytes = serializers.IntegerField()
    overcommit = serializers.IntegerField(help_text="Percent of the capacity that disks may add up to.")
    provisioned_gib = serializers.IntegerField(help_text="What the sizes of its disks add up to.")
    provisionable_gib = serializers.IntegerField(help_text="What they may add up to.")
    speed = SpeedOut(help_text="The rule for new disks.")
    speed_due_at = serializers.DateTimeField(
        allow_null=True, help_text="Since when the rule is being applied to existing disks; null: it is not."
    )
    path = serializers.CharField(help_text="For administrators only, otherwise empty.")
    monitors = serializers.ListField(
        child=serializers.CharField(), help_text="For administrators only, otherwise empty."
    )
    user = serializers.CharField(help_text="For administrators only, otherwise empty.")
    has_key = serializers.BooleanField(help_text="For administrators only, otherwise false.")
    connection = ConnectionOut(allow_null=True, help_text="For administrators only, otherwise null.")
    health = HealthOut(allow_null=True, help_text="Of a Ceph pool; for administrators only, otherwise null.")
    observed_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def own(row: StorageCluster) -> dict[str, Any]:
        """Return the cluster's values."""
        plain = ("media", "driver", "accepts_disks", "max_disk_gib", "capacity_bytes", "used_bytes")
        return {
            **ClusterOut.own(row),
            "status": str(status_of_pool(row)),
            **{name: getattr(row, name) for name in (*plain, "overcommit", "provisioned_gib")},
            "provisionable_gib": space_limit(row),
            "speed": asdict(speed_rule(row)),
            "speed_due_at": moment(row.speed_due_at),
            "path": row.path,
            "monitors": row.monitors,
            "user": row.pool_user,
            "has_key": bool(row.sealed_key),
            "connection": _connection(row),
            "health": _health(row),
            "observed_at": moment(row.observed_at),
        }

    @classmethod
    def represent(cls, row: Any, rights: Rights) -> dict[str, Any]:
        """Return the cluster; how it is reached is no tenant's business."""
        values = super().represent(row, rights)
        return values if rights.everywhere else {**values, **_INNER}


def _connection(row: StorageCluster) -> dict[str, Any]:
    seen = connection_of(row)
    return {
        "status": seen.reach.value,
        "at": moment(seen.at),
        "code": seen.code,
        "message": seen.message,
        "hint": seen.hint,
    }


_PLAIN_HEALTH = (
    "raw_capacity_bytes",
    "raw_used_bytes",
    "replicas",
    "replicas_needed",
    "failure_domain",
    "osds",
    "osds_up",
    "osds_in",
)


def _health(row: StorageCluster) -> dict[str, Any] | None:
    health, rebuild = health_of(row), rebuild_of(row)
    if health is None:
        return None
    return {
        "severity": health.severity.value,
        "checks": [
            {"code": check.code, "severity": check.severity.value, "text": check.text}
            for check in health.checks
        ],
        **{name: getattr(health, name) for name in _PLAIN_HEALTH},
        "rebuild": rebuild
        and {
            "objects_left": rebuild.left,
            "percent": rebuild.percent,
            "since": moment(rebuild.since),
            "bytes_per_second": rebuild.bytes_per_second,
            "seconds_left": rebuild.seconds_left,
        },
        "at": moment(row.health_at),
    }
