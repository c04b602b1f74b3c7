"""The external segments of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence

from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM
from apps.network.models import ExternalSegment
from apps.network.services.external_segment import create_segment

#: What describes one, in this order; routes are separated by commas.
PARTS = ("NAME", "PHYSICAL_NETWORK", "VLAN", "CIDR", "GATEWAY", "ROUTER", "ROUTES")


def make_demo_segments(region: Region, wanted: Sequence[Sequence[str]]) -> list[str]:
    """Create the segments that the region lacks; return their names."""
    there = set(ExternalSegment.objects.filter(region=region).values_list("name", flat=True))
    missing = [each for each in wanted if each[0] not in there]
    for name, physical_network, vlan, cidr, gateway, router, routes in missing:
        create_segment(
            SYSTEM,
            region=region,
            name=name,
            physical_network=physical_network,
            vlan=int(vlan),
            cidr=cidr,
            gateway=gateway,
            router_address=router,
            routes=[route for route in routes.split(",") if route],
        )
    return [each[0] for each in missing]
