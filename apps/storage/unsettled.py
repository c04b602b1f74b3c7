"""Disks whose expand ended, by another request or for good, when their volume may have grown or not.

Until it is known, row, quota and space have the new size, and `size_before_gib` the one that the volume has at least.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolKind
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster
from apps.lifecycle import push
from apps.lifecycle.models import Operation, Resource
from apps.reconciliation.rules import GRACE, at_rest
from apps.storage.given_up import give_back
from apps.storage.models import Disk

log = logging.getLogger(__name__)

GIB = 1 << 30
#: So many at a time; the next come in a minute.
AT_ONCE = 200


def settle_sizes() -> int:
    """Give back what volumes have not grown by, and forget the old size of those that have; return of how many."""
    waiting: dict[int, list[UUID]] = {}
    for pk, cluster in _unsettled().order_by("pk").values_list("pk", "cluster")[:AT_ONCE]:
        waiting.setdefault(cluster, []).append(pk)
    count = 0
    for row in StorageCluster.objects.select_related("region").filter(pk__in=waiting):
        try:
            sizes = backends.volumes(row, None).inventory(row.spec()).of(PoolKind.VOLUME)
        except DriverError as error:
            log.info("sizes in storage cluster %s not settled: %s", row, error)
            continue
        count += sum(_settle(pk, sizes) for pk in waiting[row.pk])
    return count


def _unsettled() -> QuerySet[Disk]:
    """Return the disks at rest, as their VMs are. Orders that were sent before have come to their end by then."""
    lately = Operation.objects.filter(target_id=OuterRef("pk"), finished_at__gt=timezone.now() - GRACE)
    vm = Q(vm=None) | at_rest("vm__")
    return Disk.objects.exclude(size_before_gib=None).filter(at_rest(), vm).exclude(Exists(lately))


@transaction.atomic
def _settle(pk: UUID, sizes: Mapping[str, int]) -> bool:
    size = sizes.get(str(pk))
    if size is None:  # lost: reconciliation says so
        return False
    # The VM before the disk, as everybody locks them.
    attached = Disk.objects.filter(pk=pk, vm__isnull=False).values("vm")
    for rows in (Resource.objects.filter(pk__in=attached), Resource.objects.filter(pk=pk)):
        list(rows.select_for_update(no_key=True).values_list("pk"))
    disk = _unsettled().select_related("cluster").filter(pk=pk).first()
    if disk is None or disk.size_before_gib is None:
        return False
    if size <= disk.size_before_gib * GIB:
        give_back(disk)
    else:
        Disk.objects.filter(pk=pk).update(size_before_gib=None)
    push.resource_changed(disk)
    return True
