"""Which hosts carry what a region's edge does not distribute."""

from __future__ import annotations

from apps.infrastructure.models import Host, Region
from apps.lifecycle.models import State

#: Every host of the group watches every other; more than these add nothing.
MOST_EDGE_HOSTS = 5


def edge_hosts(region: Region) -> list[str]:
    """Return the names of the hosts that the edge of a region is to have: the first that have ever reported."""
    ready = Host.objects.filter(region=region, state=State.READY).order_by("name")
    return list(ready.values_list("name", flat=True)[:MOST_EDGE_HOSTS])
