"""External segments: the networks outside the platform that EIPs and external NICs get their addresses from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from apps.accounts.acts import allows, changes, renames, requested
from apps.accounts.labels import clean_labels
from apps.accounts.models import Tenant
from apps.infrastructure.models import Region
from apps.lifecycle import push
from apps.lifecycle.bulk_insert import own_row
from apps.lifecycle.errors import Invalid
from apps.lifecycle.models import Operation
from apps.lifecycle.requests import Allowed, Change
from apps.network.edge_hosts import edge_hosts
from apps.network.models import Edge, ExternalSegment, ProviderNetwork, SegmentRange
from apps.network.segment_plan import read_ceiling, read_plan, read_routes, read_vlan, read_word
from apps.network.segment_ranges import AddressRange, read_ranges
from apps.network.services.segment_use import (
    ensure_addresses_kept,
    ensure_no_overlap,
    ensure_segment_unused,
    overlapping_segment,
)
from apps.network.verbs.external_segment import (
    SEGMENT_CHANGE,
    SEGMENT_CREATE,
    SEGMENT_DELETE,
    SEGMENT_PERMIT,
    SEGMENT_RENAME,
    SEGMENT_RETRY,
)

DEFAULT_CEILING_MBIT = 1000


@allows(SEGMENT_CREATE)
def create_segment(
    allowed: Allowed,
    *,
    region: Region,
    name: str,
    cidr: str,
    vlan: int,
    physical_network: str,
    gateway: str,
    router_address: str = "",
    ranges: Sequence[Mapping[str, Any]] = (),
    routes: Sequence[str] = (),
    ceiling_mbit: int = DEFAULT_CEILING_MBIT,
    open_to_all: bool = True,
    tenants: Sequence[Tenant] = (),
    description: str = "",
) -> Operation:
    """Add a segment, and the region's edge and the provider network where it is the first of them.

    `router_address` is the edge's own address in it, by default the last one. Raises Invalid.
    """
    name, description = clean_labels(name, description)
    plan = read_plan(cidr, gateway, router_address)
    found_ranges = read_ranges(ranges, plan.cidr)
    found_routes = read_routes(routes, plan.cidr.version)
    ensure_no_overlap(region, plan.cidr)
    network = _provider_network(region, read_word(physical_network, "physical_network"), read_vlan(vlan))
    segment = ExternalSegment(
        kind="external_segment",
        name=name,
        description=description,
        region=region,
        edge=network.edge,
        provider_network=network,
        cidr=plan.cidr,
        gateway=plan.gateway,
        router_address=plan.router_address,
        routes=found_routes,
        ceiling_mbit=read_ceiling(ceiling_mbit),
        open_to_all=open_to_all,
        last_given=plan.cidr.network_address,
    )
    _insert(segment)
    _set_ranges(segment, found_ranges)
    segment.tenants.set(tenants)
    return allowed.request(segment, args={"cidr": str(plan.cidr), "vlan": vlan})


retry_segment = requested(SEGMENT_RETRY)
rename_segment = renames(SEGMENT_RENAME)


@changes(SEGMENT_CHANGE, shared=True)
def change_segment(
    change: Change[ExternalSegment],
    *,
    ranges: Sequence[Mapping[str, Any]] | None = None,
    routes: Sequence[str] | None = None,
    ceiling_mbit: int | None = None,
) -> Operation:
    """Change the ranges, the routes handed out and the bandwidth ceiling, where given.

    EIPs keep the bandwidth they have. Raises Invalid, InUse for ranges that leave out an address in use.
    """
    segment = cast(ExternalSegment, own_row(change.row))
    args: dict[str, Any] = {}
    if ranges is not None:
        found = read_ranges(ranges, segment.cidr)
        ensure_addresses_kept(segment, found)
        segment.ranges.all().delete()
        _set_ranges(segment, found)
        args["ranges"] = [
            {"first": str(each.first), "last": str(each.last), "reserved": each.reserved} for each in found
        ]
    if routes is not None:
        segment.routes = read_routes(routes, segment.version)
        args["routes"] = [str(route) for route in segment.routes]
    if ceiling_mbit is not None:
        segment.ceiling_mbit = args["ceiling_mbit"] = read_ceiling(ceiling_mbit)
    ExternalSegment.objects.filter(pk=segment.pk).update(
        routes=segment.routes, ceiling_mbit=segment.ceiling_mbit
    )
    change.bump()
    return change.request(args=args)


@changes(SEGMENT_PERMIT, shared=True)
def permit_segment(
    change: Change[ExternalSegment], *, open_to_all: bool, tenants: Sequence[Tenant] = ()
) -> ExternalSegment:
    """Open a segment to all tenants, or to the chosen ones only. What others have of it stays."""
    segment = cast(ExternalSegment, own_row(change.row))
    ExternalSegment.objects.filter(pk=segment.pk).update(open_to_all=open_to_all)
    segment.open_to_all = open_to_all
    segment.tenants.set(tenants)
    change.record(args={"open_to_all": open_to_all, "tenants": [tenant.name for tenant in tenants]})
    push.resource_changed(segment)
    return segment


@changes(SEGMENT_DELETE, shared=True)
def delete_segment(change: Change[ExternalSegment]) -> Operation:
    """Delete a segment that nothing has an address of. Raises InUse, listing what has."""
    segment = cast(ExternalSegment, own_row(change.row))
    ensure_segment_unused(segment)
    bump_network(segment.provider_network_id)
    return change.request()


def bump_network(pk: Any) -> bool:
    """Count a change of the segments on a provider network; return whether it is still there."""
    return bool(ProviderNetwork.objects.filter(pk=pk).update(generation=F("generation") + 1))


def _provider_network(region: Region, physical_network: str, vlan: int) -> ProviderNetwork:
    """Return the provider network, which is made with its first segment, and count the change."""
    edge, _new = Edge.objects.get_or_create(region=region, defaults={"hosts": edge_hosts(region)})
    place: dict[str, Any] = {"edge": edge, "physical_network": physical_network, "vlan": vlan}
    network, new = ProviderNetwork.objects.get_or_create(**place)
    if new or bump_network(network.pk):
        return network
    # Deleted with its last segment meanwhile.
    network, _new = ProviderNetwork.objects.get_or_create(**place)
    return network


def _insert(segment: ExternalSegment) -> None:
    try:
        with transaction.atomic():
            segment.save(force_insert=True)
    except IntegrityError as error:  # requested at the same moment
        if "segments_of_a_region_do_not_overlap" not in str(error):
            raise
        refusal = overlapping_segment(segment.edge.region, segment.cidr)
        raise refusal or Invalid({"cidr": [_("Overlaps another segment.")]}) from None


def _set_ranges(segment: ExternalSegment, ranges: Sequence[AddressRange]) -> None:
    SegmentRange.objects.bulk_create(
        [
            SegmentRange(segment=segment, first=each.first, last=each.last, reserved=each.reserved)
            for each in ranges
        ]
    )
