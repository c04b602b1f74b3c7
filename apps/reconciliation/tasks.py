"""What beat asks of the reconciler. Any number of these may run at once: see `scan_schedule.py`."""

from __future__ import annotations

import logging
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.infrastructure.models import Region, StorageCluster
from apps.infrastructure.region_opening import note_fabric
from apps.reconciliation import (
    counts,
    fabric_scan,
    pool_scan,
    repair,
    scan_schedule,
)
from apps.reconciliation.finding_writer import confirm
from apps.reconciliation.models import Finding
from apps.reconciliation.rules import KEPT, LOOK_EVERY

log = logging.getLogger(__name__)

#: A pool's files are opened one by one, so it is looked at less often.
POOL_EVERY = timedelta(minutes=2)
RECOUNT_EVERY = timedelta(seconds=60)


@shared_task(name="reconciliation.look", ignore_result=True)
def look() -> None:
    """Check what is due, confirm what was found twice, repair what is safe. Hosts are checked when they report."""
    look_at_regions()
    look_at_pools()
    if scan_schedule.claim_due(["counts"], RECOUNT_EVERY):
        counts.recount_all()
    reconcile()


@shared_task(name="reconciliation.forget", ignore_result=True)
def forget() -> None:
    """Drop findings that were settled long ago."""
    Finding.objects.filter(settled_at__lt=timezone.now() - KEPT).delete()


def look_at_regions() -> None:
    """Compare the networks of those regions whose turn it is."""
    regions = {f"region:{region.pk}": region for region in Region.objects.all()}
    for place in scan_schedule.claim_due(list(regions), LOOK_EVERY):
        try:
            fabric_scan.scan(regions[place])
            note_fabric(regions[place])
        except DriverError as error:
            log.info("network of region %s not checked: %s", regions[place].name, error.message)


def look_at_pools() -> None:
    """Compare the disks and images of those storage clusters whose turn it is."""
    pools = {f"storage:{pool.pk}": pool for pool in StorageCluster.objects.select_related("region")}
    for place in scan_schedule.claim_due(list(pools), POOL_EVERY):
        try:
            pool_scan.scan(pools[place])
        except DriverError as error:
            log.info("storage cluster %s not checked: %s", pools[place].name, error.message)


def reconcile() -> None:
    """Confirm, repair, and note what became of it."""
    repair.settle_repaired()
    confirm()
    repair.repair_due_findings()
