"""Edges follow the hosts of their region: one that was connected may carry them, one that was removed no longer."""

from __future__ import annotations

import logging
from typing import cast

from django.db import transaction
from django.db.models import F

from apps.accounts.acts import changes
from apps.lifecycle.actor import SYSTEM
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.errors import Refused
from apps.lifecycle.models import Operation, State
from apps.lifecycle.requests import Change
from apps.network.edge_hosts import edge_hosts
from apps.network.models import Edge, ExternalSegment
from apps.network.verbs.external_segment import SEGMENT_FOLLOW_HOSTS

log = logging.getLogger(__name__)


@changes(SEGMENT_FOLLOW_HOSTS)
def update_edge(change: Change[ExternalSegment]) -> Operation:
    """Write which hosts the segment's edge is to have, and have a worker tell the network."""
    segment = cast(ExternalSegment, own_row(change.row))
    edge = segment.edge
    hosts = edge_hosts(edge.region)
    Edge.objects.filter(pk=edge.pk).update(hosts=hosts, generation=F("generation") + 1)
    return change.request(args={"hosts": hosts})


def follow_hosts() -> int:
    """Request an update of each edge whose hosts have come or gone; return of how many.

    An operation is always one on a resource: on a segment of the edge that has none under way.
    """
    stale = [edge for edge in Edge.objects.select_related("region") if edge.hosts != edge_hosts(edge.region)]
    return sum(_update(edge) for edge in stale)


def _update(edge: Edge) -> bool:
    for segment in edge.segments.filter(state=State.READY).order_by("created_at", "pk"):
        try:
            with transaction.atomic():
                update_edge(SYSTEM, segment)
        except Refused as refusal:
            log.info("edge of %s: segment %s: %s", edge.region.name, segment.name, refusal.message)
        else:
            return True
    return False
