"""What a user may see of networks. Counts are subqueries, worked out only for the rows of the page that is shown."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Func, IntegerField, OuterRef, Prefetch, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Power

from apps.accounts.access import visible
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource
from apps.network.models import Nic, SecurityGroup, SecurityGroupRule, Subnet, Vpc
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
