"""Writing down what was seen of a storage cluster, or why nothing was. For workers."""

from __future__ import annotations

import logging
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.specs import PoolObservation
from apps.infrastructure.models import StorageCluster
from apps.infrastructure.pool_health import kept_health
from apps.infrastructure.usage_levels import level_reached, percent_used
from apps.lifecycle import push
from apps.lifecycle.stored_messages import stored_error

log = logging.getLogger(__name__)


def note_seen(cluster: StorageCluster, seen: PoolObservation) -> bool:
    """Keep capacity, use and health of a cluster; return False for what cannot be, which is not believed."""
    if seen.used_bytes > seen.capacity_bytes:
        note_failure(cluster, _implausible(seen))
        return False
    percent = percent_used(seen.used_bytes, seen.capacity_bytes)
    level = level_reached(percent, before=cluster.warned_percent)
    if level > cluster.warned_percent:
        log.warning("storage cluster %s: %s %% in use", cluster.name, percent)
    _write(
        cluster,
        capacity_bytes=seen.capacity_bytes,
        used_bytes=seen.used_bytes,
        observed_at=timezone.now(),
        health=kept_health(cluster.health, seen.health, timezone.now()),
        health_at=timezone.now() if seen.health else None,
        warned_percent=level,
        check_error={},
    )
    return True


def note_failure(cluster: StorageCluster, error: DriverError) -> None:
    """Keep why a cluster could not be looked at; what was last seen of it stays."""
    log.info("storage cluster %s not observed: %s", cluster.name, error.message)
    _write(cluster, check_error=stored_error(error))


def _implausible(seen: PoolObservation) -> DriverError:
    return DriverError(
        _("The storage cluster reports %(used)s bytes in use of %(capacity)s."),
        values={"used": seen.used_bytes, "capacity": seen.capacity_bytes},
        code="volumes.implausible",
        hint=_("Check the pool, and the hosts that report it."),
    )


#: Columns whose change open pages are told of at once; use alone is shown a little later.
_SHOWN = ("capacity_bytes", "health", "check_error", "warned_percent")


def _write(cluster: StorageCluster, **columns: Any) -> None:
    """Write, unless another check was requested since: what was seen may be of settings that have changed."""
    asked = cluster.check_asked_at
    same = Q(check_asked_at__isnull=True) if asked is None else Q(check_asked_at=asked)
    rows = StorageCluster.objects.filter(same, pk=cluster.pk)
    answered = asked is not None and (cluster.checked_at is None or cluster.checked_at < asked)
    changed = answered or any(columns.get(name, before) != before for name, before in _before(cluster))
    if rows.update(checked_at=Now(), **columns) and changed:
        push.row_changed("storage_cluster", cluster.pk)


def _before(cluster: StorageCluster) -> list[tuple[str, Any]]:
    return [(name, getattr(cluster, name)) for name in _SHOWN]
