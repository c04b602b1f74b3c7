"""EIPs in the picture of a VPC, at the VMs that they are bound to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from apps.lifecycle.selectors import with_open_operations
from apps.lifecycle.state_labels import state_label
from apps.network.models import Vpc
from apps.network.pages.eips import EIP
from apps.network.topology import TopologyItem
from apps.portal.detail import DetailPage

#: So many are read of a picture; of a VM fewer are drawn.
MOST_READ = 500


def eip_items(page: DetailPage, vpc: Vpc, keys: Collection[UUID]) -> Iterable[TopologyItem]:
    """Yield the EIPs of what is drawn: one query."""
    rows = with_open_operations(EIP.visible(page.actor).filter(carrier__in=keys))
    for eip in rows.order_by("bound_at", "pk")[:MOST_READ]:
        if eip.carrier_id is not None:
            url = EIP.url(page.area, "one", eip)
            yield TopologyItem(eip.carrier_id, EIP.icon, eip.name, url, state_label(eip), (eip.address,))
