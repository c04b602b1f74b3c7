"""Emptying the trash of storage clusters: what was deleted stays there while copies still read from it."""

from __future__ import annotations

import logging

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster

log = logging.getLogger(__name__)


def purge_clusters() -> None:
    """Remove some of the trash of every cluster that has one. A round is bounded; the next one goes on."""
    for cluster in StorageCluster.objects.filter(driver__in=backends.POOL_PURGES).order_by("pk"):
        try:
            removed = backends.purge_pool(cluster)
        except DriverError as error:
            log.info("trash of storage cluster %s not emptied: %s", cluster.name, error.message)
            continue
        if removed:
            log.info("storage cluster %s: %s images removed from its trash", cluster.name, removed)
