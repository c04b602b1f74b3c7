"""Looking at what storage clusters hold and how full they are."""

from __future__ import annotations

import logging

from django.utils import timezone

from apps.drivers.errors import DriverError
from apps.infrastructure import backends
from apps.infrastructure.models import StorageCluster

log = logging.getLogger(__name__)


def observe_clusters() -> None:
    """Write capacity and use of every storage cluster that can be reached; the others keep what was last seen."""
    for cluster in StorageCluster.objects.select_related("region"):
        try:
            seen = backends.volumes(cluster, None).observe(cluster.spec())
        except DriverError as error:
            log.info("storage cluster %s not observed: %s", cluster.name, error.message)
            continue
        if seen.used_bytes > seen.capacity_bytes:
            used = (seen.used_bytes, seen.capacity_bytes)
            log.warning("storage cluster %s: %s of %s bytes in use cannot be", cluster.name, *used)
            continue
        StorageCluster.objects.filter(pk=cluster.pk).update(
            capacity_bytes=seen.capacity_bytes, used_bytes=seen.used_bytes, observed_at=timezone.now()
        )
