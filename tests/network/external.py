"""External segments and EIPs as rows and in the pretend fabric, and a kind that carries EIPs."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.access import visible
from apps.accounts.models import Project
from apps.drivers.specs import ExternalAddress, ExternalPortSpec
from apps.infrastructure import backends
from apps.infrastructure.models import Region
from apps.lifecycle.actor import SYSTEM, Actor
from apps.lifecycle.models import Resource, State
from apps.lifecycle.operation_context import OperationContext
from apps.network.models import Eip, ExternalSegment
from apps.network.services.eip import create_eips
from apps.network.services.external_segment import create_segment
from tests.network.factories import settle

_numbers = count(1)

INTERNET: dict[str, Any] = {
    "cidr": "203.0.113.0/24",
    "gateway": "203.0.113.1",
    "vlan": 101,
    "physical_network": "physnet1",
    "routes": ["0.0.0.0/0"],
}
DATA_CENTRE: dict[str, Any] = {
    "cidr": "172.20.1.0/24",
    "gateway": "172.20.1.1",
    "vlan": 102,
    "physical_network": "physnet1",
    "routes": ["172.21.0.0/16"],
}
INTERNET6: dict[str, Any] = {
    **INTERNET,
    "cidr": "2001:db8:101::/64",
    "gateway": "2001:db8:101::1",
    "routes": ["::/0"],
}


def make_segment(region: Region, network: dict[str, Any] = INTERNET, **differs: Any) -> ExternalSegment:
    values = {"name": f"segment-{next(_numbers)}", **network, **differs}
    operation = create_segment(SYSTEM, region=region, **values)
    return ExternalSegment.objects.get(pk=settle(operation).target_id)


def make_eip(segment: ExternalSegment, project: Project, address: str = "", **differs: Any) -> Eip:
    values = {"name": f"eip-{next(_numbers)}", **differs}
    (operation,) = create_eips(SYSTEM, segment=segment.pk, project=project.uid, address=address, **values)
    return Eip.objects.get(pk=settle(operation).target_id)


def make_carrier(project: Project, region: Region) -> Resource:
    """Make a resource of the kind that `carriers` registers."""
    return Resource.objects.create(
        kind="carrier",
        name=f"carrier-{next(_numbers)}",
        tenant=project.tenant,
        project=project,
        region=region,
        state=State.READY,
    )


def carriers_of(actor: Actor) -> QuerySet[Resource]:
    return visible(actor, Resource.objects.filter(kind="carrier"))


def apply_carrier(run: OperationContext, pk: UUID) -> None:
    """Put the carrier's EIPs on an external port of its own."""
    row = Resource.objects.select_related("region").get(pk=pk)
    eips = Eip.objects.filter(carrier=pk).select_related("segment", "segment_address").order_by("bound_at")
    assert row.region is not None
    edge = row.region.edge
    addresses = tuple(
        ExternalAddress(
            eip.address, str(eip.segment.provider_network_id), mbit_in=eip.mbit, mbit_out=eip.mbit
        )
        for eip in eips
    )
    spec = ExternalPortSpec(
        str(pk), str(edge.pk), f"02:00:{pk.hex[:2]}:{pk.hex[2:4]}:{pk.hex[4:6]}:{pk.hex[6:8]}", addresses
    )
    backends.fabric(row.region, run).ensure(spec)


def addresses_of(carrier: Resource) -> list[str]:
    """Return the addresses that the pretend fabric has for a carrier."""
    from apps.drivers.fabric.declared import kind_of

    with backends.memory_world().call("test") as state:
        port = state.get(kind_of(ExternalPortSpec).memory.table, str(carrier.pk))
    return [each.ip for each in port.addresses] if port else []
