"""Handlers of external segments. What segments share, edge and provider network, is settled by each operation.

Nothing holds a provider network for one operation: whoever has written it compares generations afterwards, so that of
two at the same time the older state does not stay.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.utils.translation import gettext_noop as _

from apps.drivers.errors import DriverError
from apps.drivers.protocols import Fabric
from apps.drivers.specs import ProviderNetworkSpec
from apps.infrastructure import backends
from apps.infrastructure.selectors import host_in_reach
from apps.lifecycle.bulk_insert import remove
from apps.lifecycle.handlers import Settle, handles
from apps.lifecycle.operation_context import OperationContext
from apps.lifecycle.usable import is_being_removed
from apps.network.models import Edge, ExternalSegment, ProviderNetwork
from apps.network.operations.probing import probe
from apps.network.specs import edge_spec, provider_network_spec
from apps.network.verbs.external_segment import (
    SEGMENT_CREATE,
    SEGMENT_DELETE,
    SEGMENT_FOLLOW_HOSTS,
    SEGMENT_FORCE_CLEAN,
    SEGMENT_RESYNC,
    SEGMENT_RETRY,
)
from apps.reconciliation.operations.common import keep_remaining, repairing


@handles(SEGMENT_CREATE)
@handles(SEGMENT_RETRY)
def create_segment(run: OperationContext) -> None:
    """Connect the segment, once it is known that nothing else has the router's address."""
    segment = _segment(run)
    if host_in_reach(segment.edge.region_id) is not None:
        run.step(_("Checking that nothing answers at %(address)s"), 20, address=segment.router_address)
        _ensure_router_address(run, segment)
    _connect(run, segment)


@handles(SEGMENT_FOLLOW_HOSTS)
def follow_hosts(run: OperationContext) -> None:
    """Have the network know the hosts of the edge."""
    segment = _segment(run)
    run.step(_("Updating the hosts of the edge"), 50)
    fabric = _fabric(run, segment)
    _until_current(lambda: _write_edge(fabric, segment.edge_id))


@handles(SEGMENT_DELETE)
def delete_segment(run: OperationContext) -> Settle | None:
    """Disconnect the segment; the provider network goes with its last one."""
    segment = _segment_or_none(run)
    if segment is None:
        return None
    run.step(_("Removing from the network"), 50)
    settle_provider_network(_fabric(run, segment), segment.provider_network_id)
    return lambda: _forget(segment)


def _force_clean(run: OperationContext) -> Settle | None:
    segment = _segment_or_none(run)
    if segment is None:
        return None
    run.step(_("Removing from the network"), 50)
    fabric = _fabric(run, segment)
    keep_remaining(run, lambda: settle_provider_network(fabric, segment.provider_network_id))
    return lambda: _forget(segment)


def _connect(run: OperationContext, segment: ExternalSegment) -> None:
    run.step(_("Connecting VLAN %(vlan)s"), 60, vlan=segment.provider_network.vlan)
    fabric = _fabric(run, segment)
    _until_current(lambda: _write_edge(fabric, segment.edge_id))
    settle_provider_network(fabric, segment.provider_network_id)


def _resync(run: OperationContext) -> None:
    _connect(run, _segment(run))


handles(SEGMENT_RESYNC)(repairing(_resync))
handles(SEGMENT_FORCE_CLEAN)(repairing(_force_clean))


def settle_provider_network(fabric: Fabric, network_id: UUID) -> None:
    """Make a provider network have exactly the segments that its rows say, those being deleted not counted."""
    _until_current(lambda: _write_network(fabric, network_id))


def _until_current(write: Callable[[], tuple[int, int]]) -> None:
    """Call `write` until the generation that it has written is the one in the database."""
    written, current = write()
    while written != current:
        written, current = write()


def _write_edge(fabric: Fabric, edge_id: UUID) -> tuple[int, int]:
    edge = Edge.objects.get(pk=edge_id)
    fabric.ensure(edge_spec(edge))
    return edge.generation, Edge.objects.values_list("generation", flat=True).get(pk=edge_id)


def _write_network(fabric: Fabric, network_id: UUID) -> tuple[int, int]:
    network = ProviderNetwork.objects.filter(pk=network_id).first()
    if network is None:
        fabric.ensure_absent(ProviderNetworkSpec, str(network_id))
        return 0, 0
    segments = [each for each in network.segments.order_by("cidr") if not is_being_removed(each)]
    if segments:
        fabric.ensure(provider_network_spec(network, segments))
    else:
        fabric.ensure_absent(ProviderNetworkSpec, str(network_id))
    current = ProviderNetwork.objects.filter(pk=network_id).values_list("generation", flat=True).first()
    return network.generation, current or network.generation


def _ensure_router_address(run: OperationContext, segment: ExternalSegment) -> None:
    address, own = str(segment.router_address), segment.provider_network.mac
    mac = probe(run, segment.provider_network, [address]).get(address, own)
    if mac.lower() != own.lower():
        raise DriverError(
            _("Another machine answers at the router’s address %(address)s (%(mac)s)."),
            values={"address": address, "mac": mac},
            code="address.conflict",
            permanent=True,
            hint=_("Delete the segment and create it with another router address."),
        )


def _forget(segment: ExternalSegment) -> None:
    network_id = segment.provider_network_id
    # One at a time, so that of the last two segments the second one sees that it is the last.
    list(ProviderNetwork.objects.select_for_update().filter(pk=network_id).values_list("pk"))
    segment.addresses.all().delete()  # in quarantine or in conflict: nobody has one
    remove([segment])
    ProviderNetwork.objects.filter(pk=network_id, segments__isnull=True).delete()


def _segment(run: OperationContext) -> ExternalSegment:
    return ExternalSegment.objects.select_related("edge__region", "provider_network__edge__region").get(
        pk=run.target_id
    )


def _segment_or_none(run: OperationContext) -> ExternalSegment | None:
    rows = ExternalSegment.objects.select_related("edge__region", "provider_network")
    return rows.filter(pk=run.target_id).first()


def _fabric(run: OperationContext, segment: ExternalSegment) -> Fabric:
    return backends.fabric(segment.edge.region, run)
