"""Changes of storage clusters by admins. Rows only: a worker connects to what they name (`connection.py`).

The key of a Ceph pool is sealed on the row. It is written here and read by workers only: no answer, log line or audit
row has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models.functions import Now

from apps.accounts.acts import allows
from apps.accounts.labels import MAX_NAME
from apps.accounts.secrets import seal
from apps.accounts.single_line import clean_line
from apps.infrastructure.connection import ask_for_check
from apps.infrastructure.disk_speed import SpeedRule, changed_rule
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.models.storage_cluster import DEFAULT_OVERCOMMIT, FILE
from apps.infrastructure.pool_access import changed_access, clean_key, new_access
from apps.infrastructure.services.columns import free_name, only, unique
from apps.infrastructure.verbs import (
    CLUSTER_CREATE,
    STORAGE_APPLY_SPEED,
    STORAGE_CLOSE,
    STORAGE_OPEN,
    STORAGE_SET_KEY,
    STORAGE_SET_SPEED,
    STORAGE_TEST,
)
from apps.lifecycle import push
from apps.lifecycle.errors import NotNow
from apps.lifecycle.requests import Allowed

#: What may be changed of a storage cluster; of these, what leads to the pool.
_ACCESS = frozenset({"path", "monitors", "user"})
CHANGES = frozenset({"name", "alias", "max_disk_gib", "overcommit"}) | _ACCESS


@allows(CLUSTER_CREATE, sole=False)
def create_storage_cluster(
    allowed: Allowed,
    region: Region,
    name: str = "",
    *,
    path: str,
    media: str = StorageCluster.Media.SSD,
    driver: str = FILE,
    max_disk_gib: int = 32_000,
    overcommit: int = DEFAULT_OVERCOMMIT,
    monitors: Sequence[str] = (),
    user: str = "",
    key: str = "",
) -> StorageCluster:
    """Add a storage cluster, open to all tenants, and have a worker connect to it.

    `path` is the pool's directory on every host, or of driver "rbd" the name of the Ceph pool, which needs `monitors`,
    `user` and `key`.
    """
    label = StorageCluster.Media(media).label
    access = new_access(driver, path=path, monitors=monitors, user=user, key=key)
    cluster = unique(
        lambda: StorageCluster.objects.create(
            region=region,
            name=clean_line("name", name, MAX_NAME) or free_name(StorageCluster, region, label),
            media=media,
            driver=driver,
            max_disk_gib=max_disk_gib,
            overcommit=overcommit,
            **access,
        )
    )
    allowed.record(name=cluster.name, args={"driver": driver, "path": cluster.path})
    ask_for_check(cluster)
    return cluster


def change_storage_cluster(cluster: StorageCluster, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Write the changes and return what to log of them. Raises Invalid. In the transaction of `change_cluster`."""
    given = only(changes, CHANGES)
    columns = {name: value for name, value in given.items() if name not in _ACCESS}
    access = changed_access(cluster, {name: given[name] for name in _ACCESS & given.keys()})
    unique(lambda: StorageCluster.objects.filter(pk=cluster.pk).update(**columns, **access))
    if access:
        ask_for_check(cluster)
    push.row_changed("storage_cluster", cluster.pk)
    return columns | access


@allows(STORAGE_TEST)
def check_connection(allowed: Allowed, cluster: StorageCluster) -> StorageCluster:
    """Have a worker connect to the cluster; the answer is on its row and page when it comes."""
    ask_for_check(cluster)
    allowed.record(name=cluster.name)
    push.row_changed("storage_cluster", cluster.pk)
    return cluster


@allows(STORAGE_SET_KEY)
def set_key(allowed: Allowed, cluster: StorageCluster, *, key: str) -> StorageCluster:
    """Replace the key of a Ceph pool and have a worker connect with it. Raises Invalid, or NotNow for a directory."""
    _ensure_possible(STORAGE_SET_KEY.obstacle and STORAGE_SET_KEY.obstacle(cluster))
    StorageCluster.objects.filter(pk=cluster.pk).update(sealed_key=seal(clean_key(key)))
    cluster.refresh_from_db()
    ask_for_check(cluster)
    allowed.record(name=cluster.name)
    push.row_changed("storage_cluster", cluster.pk)
    return cluster


@allows(STORAGE_OPEN)
def open_to_disks(allowed: Allowed, cluster: StorageCluster) -> StorageCluster:
    """Let new disks be created in the cluster."""
    _ensure_possible(STORAGE_OPEN.obstacle and STORAGE_OPEN.obstacle(cluster))
    return _set_accepting(allowed, cluster, True)


@allows(STORAGE_CLOSE)
def close_to_disks(allowed: Allowed, cluster: StorageCluster) -> StorageCluster:
    """Let no new disks be created in the cluster; those it has stay, and may grow."""
    _ensure_possible(STORAGE_CLOSE.obstacle and STORAGE_CLOSE.obstacle(cluster))
    return _set_accepting(allowed, cluster, False)


@allows(STORAGE_SET_SPEED)
def set_speed(allowed: Allowed, cluster: StorageCluster, /, **changes: Any) -> SpeedRule:
    """Change the rule for the speed of disks created from now on; None of a part is its medium's. Raises Invalid."""
    columns, rule = changed_rule(cluster, changes)
    StorageCluster.objects.filter(pk=cluster.pk).update(**columns)
    cluster.refresh_from_db()
    allowed.record(name=cluster.name, args=columns)
    push.row_changed("storage_cluster", cluster.pk)
    return rule


@allows(STORAGE_APPLY_SPEED)
def apply_speed(allowed: Allowed, cluster: StorageCluster) -> StorageCluster:
    """Have workers apply the rule to the disks that exist; limits of their own stay where they are within it."""
    _ensure_possible(STORAGE_APPLY_SPEED.obstacle and STORAGE_APPLY_SPEED.obstacle(cluster))
    StorageCluster.objects.filter(pk=cluster.pk).update(speed_due_at=Now())
    cluster.refresh_from_db()
    allowed.record(name=cluster.name)
    push.row_changed("storage_cluster", cluster.pk)
    return cluster


def _set_accepting(allowed: Allowed, cluster: StorageCluster, accepts: bool) -> StorageCluster:
    StorageCluster.objects.filter(pk=cluster.pk).update(accepts_disks=accepts)
    cluster.accepts_disks = accepts
    allowed.record(name=cluster.name)
    push.row_changed("storage_cluster", cluster.pk)
    return cluster


def _ensure_possible(reason: object) -> None:
    if reason:
        raise NotNow(str(reason))
