"""Reserving space of storage clusters, in the transaction that creates, grows or deletes disks.

Disks are thin, so more may be reserved than there is: up to the cluster's overcommit. A reservation is one conditional
UPDATE, as with hosts (`placement.py`), so that it holds however many run at once.

Locks: all disks of a cluster share one row. Call this at the end of the transaction, when it has all other locks it
needs, hosts' too: others wait as briefly as possible, and whoever holds it waits for nothing more.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import F, Q, Sum, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from apps.infrastructure.models import StorageCluster
from apps.lifecycle.errors import NoCapacity, Refused

log = logging.getLogger(__name__)

MIB, GIB = 1 << 20, 1 << 30
#: From MiB times percent to GiB.
_SHARE = GIB // MIB * 100
#: What `space_left` reads.
SPACE_COLUMNS = ("observed_at", "capacity_bytes", "overcommit", "provisioned_gib")


def reserve_space(cluster_id: int, gib: int, *, field: str = "size_gib") -> None:
    """Reserve space for disks of `gib` in total. Raises NoCapacity with the figures (at `field`), and reserves nothing.

    Nothing is refused by a cluster whose capacity is not known yet.
    """
    if gib <= 0:
        return
    room = Q(observed_at=None) | Q(provisioned_gib__lte=_limit() - gib)
    done = StorageCluster.objects.filter(room, pk=cluster_id).update(
        provisioned_gib=F("provisioned_gib") + gib
    )
    if not done:
        raise no_space(StorageCluster.objects.get(pk=cluster_id), gib, field=field)


def release_space(cluster_id: int | None, gib: int) -> None:
    """Return reserved space. Call last in the transaction, as with `reserve_space`."""
    if cluster_id is not None and gib > 0:
        left = Greatest(F("provisioned_gib") - gib, Value(0))
        StorageCluster.objects.filter(pk=cluster_id).update(provisioned_gib=left)


def space_left(cluster: StorageCluster) -> int | None:
    """Return how many GiB the cluster has left to reserve; below zero when too much is reserved, None when unknown."""
    return space_limit(cluster) - cluster.provisioned_gib if cluster.observed_at else None


def space_limit(cluster: StorageCluster) -> int:
    """Return how many GiB of disks the cluster may have."""
    return cluster.capacity_bytes // MIB * cluster.overcommit // _SHARE


def no_space(cluster: StorageCluster, gib: int, *, field: str = "size_gib") -> NoCapacity:
    """Return the refusal of disks of `gib` in total."""
    figures = {
        "needed_gib": gib,
        "free_gib": max(space_left(cluster) or 0, 0),
        "provisioned_gib": cluster.provisioned_gib,
        "limit_gib": space_limit(cluster),
        "capacity_gib": cluster.capacity_bytes // GIB,
        "overcommit": cluster.overcommit,
    }
    return NoCapacity(
        _(
            "Storage cluster %(name)s has %(free_gib)s GiB left, %(needed_gib)s GiB are needed. "
            "%(provisioned_gib)s of %(limit_gib)s GiB are allocated."
        )
        % {"name": cluster, **figures},
        code="storage.no_capacity",
        field=field,
        hint=_("Choose a smaller disk or another storage cluster, or ask the administrator."),
        details=figures,
    )


def ensure_accepts_disks(cluster: StorageCluster, field: str) -> None:
    """Raise Refused (at `field`) when a cluster is closed to new disks, or a Ceph pool nobody has connected to."""
    if cluster.is_ceph and cluster.observed_at is None:
        raise Refused(
            _("Storage cluster %(name)s has not been connected yet.") % {"name": cluster},
            code="storage.not_connected",
            field=field,
            hint=_("Choose another storage cluster, or ask the administrator."),
        )
    if not cluster.accepts_disks:
        raise Refused(
            _("Storage cluster %(name)s is closed to new disks.") % {"name": cluster},
            code="storage.closed",
            field=field,
            hint=_("Choose another storage cluster."),
        )


def correct_space() -> dict[int, tuple[int, int]]:
    """Set what is reserved to what disks add up to; return pk → (counted, exists) of clusters where it was wrong.

    Who creates or deletes a disk changes the counter last in its transaction: with the row locked, either both are seen
    here or neither.
    """
    wrong = {}
    for pk in StorageCluster.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = StorageCluster.objects.select_for_update(no_key=True).filter(pk=pk).first()
            if row is None:
                continue
            exists = row.disks.aggregate(gib=Sum("size_gib"))["gib"] or 0
            if exists != row.provisioned_gib:
                wrong[pk] = (row.provisioned_gib, exists)
                log.warning("storage cluster %s: %s GiB counted, %s exist", row.name, *wrong[pk])
                StorageCluster.objects.filter(pk=pk).update(provisioned_gib=exists)
    return wrong


def _limit() -> CombinedExpression:
    # Divided first: an exabyte in bytes, three times, is more than PostgreSQL's largest number.
    return F("capacity_bytes") / MIB * F("overcommit") / _SHARE
