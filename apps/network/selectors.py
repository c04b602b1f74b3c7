"""What a user may see of networks. Counts are subqueries, worked out only for the rows of the page that is shown."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Func, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Power

from apps.accounts.access import visible
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.network.models import (
    Eip,
    Eni,
    ExternalSegment,
    Nic,
    SecurityGroup,
    SecurityGroupRule,
    SegmentAddress,
    Subnet,
    Vpc,
)
from apps.network.models.vpc import RESERVED_ADDRESSES

IPV4_BITS = 32


def visible_vpcs(actor: Actor) -> QuerySet[Vpc]:
    """Return the VPCs, the subnets of each counted as `subnet_count`."""
    subnets = Subnet.objects.filter(vpc=OuterRef("pk")).order_by().values("vpc")
    return visible(actor, Vpc.objects.annotate(subnet_count=_counted(subnets)))


def visible_subnets(actor: Actor) -> QuerySet[Subnet]:
    """Return the subnets with their VPCs, ready for `Subnet.free_addresses`."""
    return visible(actor, with_free_addresses(Subnet.objects.select_related("vpc")))


def visible_security_groups(actor: Actor) -> QuerySet[SecurityGroup]:
    """Return the security groups with their rules, the NICs bound to each counted as `bound_count`."""
    nics = Nic.objects.filter(security_group=OuterRef("pk")).order_by().values("security_group")
    rules = Prefetch("rules", SecurityGroupRule.objects.order_by("position"))
    groups = SecurityGroup.objects.annotate(bound_count=_counted(nics))
    return visible(actor, groups.prefetch_related(rules))


def visible_nics(actor: Actor) -> QuerySet[Nic]:
    """Return the NICs whose owners the actor may see, with what they are in and bound to."""
    owners = visible(actor, Resource.objects.all()).values("pk")
    nics = Nic.objects.filter(owner__in=owners)
    return nics.select_related("owner", "subnet__vpc", "security_group")


def with_free_addresses(subnets: QuerySet[Subnet]) -> QuerySet[Subnet]:
    """Count each subnet's addresses in use, in the same query, so that `Subnet.free_addresses` costs none."""
    nics = Nic.objects.filter(subnet=OuterRef("pk")).order_by().values("subnet")
    return subnets.annotate(taken_addresses=_counted(nics))  # type: ignore[no-redef]  # declared for callers


def usable_segments(tenant_id: int) -> QuerySet[ExternalSegment]:
    """Return the segments that a tenant may have addresses of: open to all, or to it; ready, in whichever region."""
    granted = ExternalSegment.tenants.through.objects.filter(tenant_id=tenant_id).values("externalsegment_id")
    rows = ExternalSegment.objects.filter(Q(open_to_all=True) | Q(pk__in=granted), state=State.READY)
    return _described(rows)


def visible_segments(actor: Actor) -> QuerySet[ExternalSegment]:
    """Return all segments to an admin as such; to a tenant those of open regions that it may use."""
    if actor.is_system or (actor.is_admin and actor.tenant is None):
        return _described(ExternalSegment.objects.all())
    if actor.tenant is None:
        return ExternalSegment.objects.none()
    return usable_segments(actor.tenant.pk).filter(region__open_to_tenants=True)


def visible_eips(actor: Actor, permission: str = "view") -> QuerySet[Eip]:
    """Return the EIPs the actor may see, or has the permission on, with what a list shows of them."""
    # All rows of this table are EIPs, but only with the kind named can PostgreSQL walk the index of lists.
    rows = visible(actor, Eip.objects.filter(kind="eip"), permission)
    return rows.select_related("segment", "segment_address", "carrier", "tenant", "project", "region")


def elastic_nics() -> QuerySet[Eni]:
    """Return all elastic NICs with what their specs and pages read: NIC, subnet and VPC, or segment and address."""
    nics = Nic.objects.select_related("subnet__vpc", "security_group")
    # All rows of this table are elastic NICs, but only with the kind named can PostgreSQL walk the index of lists.
    rows = Eni.objects.filter(kind="eni").prefetch_related(Prefetch("nics", nics))
    return rows.select_related("segment", "segment_address", "region")


def visible_enis(actor: Actor) -> QuerySet[Eni]:
    """Return the elastic NICs the actor may see, with what a list shows of them."""
    rows = elastic_nics().select_related("vm", "next_vm", "tenant", "project")
    return visible(actor, rows)


def visible_segment_addresses(actor: Actor) -> QuerySet[SegmentAddress]:
    """Return the addresses of segments that are not free; only an admin as such may know of them all."""
    if not (actor.is_system or (actor.is_admin and actor.tenant is None)):
        return SegmentAddress.objects.none()
    return SegmentAddress.objects.select_related("segment", "holder__tenant", "holder__project")


def _described(segments: QuerySet[ExternalSegment]) -> QuerySet[ExternalSegment]:
    """Fetch what is shown of segments; the addresses that are not free are counted as `taken_addresses`."""
    taken = SegmentAddress.objects.filter(segment=OuterRef("pk")).order_by().values("segment")
    counted = segments.annotate(taken_addresses=_counted(taken))
    return counted.select_related("region", "provider_network", "edge").prefetch_related("ranges", "tenants")


def _counted(grouped: QuerySet[Any, Any]) -> Coalesce:
    return Coalesce(Subquery(grouped.annotate(n=Count("pk")).values("n")), 0)


#: How many rules a security group has.
RULE_COUNT = _counted(SecurityGroupRule.objects.filter(group=OuterRef("pk")).order_by().values("group"))

#: As `Subnet.free_addresses`, in SQL: 2 to the number of host bits, less the reserved ones and those taken.
FREE_ADDRESSES = (
    Power(Value(2), Value(IPV4_BITS) - Func(F("cidr"), function="masklen", output_field=IntegerField()))
    - Value(RESERVED_ADDRESSES)
    - _counted(Nic.objects.filter(subnet=OuterRef("pk")).order_by().values("subnet"))
)
