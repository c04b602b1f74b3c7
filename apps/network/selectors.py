"""What a user may see of networks."""

from __future__ import annotations

from django.db.models import Count, QuerySet

from apps.lifecycle.actor import Actor
from apps.network.models import Nic, SecurityGroup, Subnet, Vpc
from apps.tenancy.access import visible


def visible_vpcs(actor: Actor) -> QuerySet[Vpc]:
    """Return the VPCs with the number of their subnets as `subnet_count`."""
    return visible(actor, Vpc.objects.annotate(subnet_count=Count("subnets")))


def visible_subnets(actor: Actor) -> QuerySet[Subnet]:
    """Return the subnets, each with its VPC and its free addresses counted."""
    return visible(actor, with_free_addresses(Subnet.objects.select_related("vpc")))


def visible_security_groups(actor: Actor) -> QuerySet[SecurityGroup]:
    """Return the security groups with the number of NICs bound to each as `bound_count`."""
    groups = SecurityGroup.objects.prefetch_related("rules")
    return visible(actor, groups.annotate(bound_count=Count("bound_nics")))


def nics_in(subnet: Subnet) -> QuerySet[Nic]:
    """Return what is in a subnet, by address."""
    return subnet.attached_nics.select_related("owner", "security_group").order_by("ip")


def nics_bound_to(group: SecurityGroup) -> QuerySet[Nic]:
    """Return what a group is bound to, by name."""
    return group.bound_nics.select_related("owner", "subnet__vpc").order_by("owner__name", "ip")


def with_free_addresses(subnets: QuerySet[Subnet]) -> QuerySet[Subnet]:
    """Count each subnet's addresses in use, in the same query, so that `Subnet.free_addresses` costs none."""
    return subnets.annotate(taken_addresses=Count("attached_nics"))
