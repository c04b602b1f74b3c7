"""VPCs and subnets in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api.bodies import LineField, NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ReferenceOut, ResourceOut
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.filters import SubnetFilter, VpcFilter
from apps.network.models import Subnet, Vpc
from apps.network.verbs import (
    SUBNET_ADD_IPV6,
    SUBNET_CREATE,
    SUBNET_DELETE,
    SUBNET_RENAME,
    SUBNET_RETRY,
    VPC_CREATE,
    VPC_DELETE,
    VPC_RENAME,
    VPC_RETRY,
)

REGION_HELP = "Name of a region; by default the one where the tenant has most, of those with room for VMs."

_PREFIX = 'IPv6 prefix, a /64 such as fd12:3456:789a:1::/64, or "auto" for a free unique local one.'


class VpcBody(NewResource):
    cidr = serializers.CharField(max_length=43, help_text="IPv4 CIDR block, such as 10.0.0.0/16.")
    region = serializers.SlugField(
        max_length=32, required=False, allow_null=True, default=None, help_text=REGION_HELP
    )
    subnet_cidr = serializers.CharField(
        max_length=43, required=False, allow_blank=True, default="", help_text="Also creates a first subnet."
    )


class VpcOut(ResourceOut):
    cidr = serializers.CharField()
    vni = serializers.IntegerField(help_text="VNI, unique on the platform.")
    subnet_count = serializers.IntegerField()

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the VPC's own values."""
        return {"cidr": str(row.cidr), "vni": row.vni, "subnet_count": row.subnet_count}


class VpcsApi(ResourceApi):
    """Private networks, isolated from each other. Several may use the same CIDR block."""

    model = Vpc
    out = VpcOut
    filterset_class = VpcFilter
    create = Create(VPC_CREATE, VpcBody)
    update = Update(VPC_RENAME)
    delete = Action(VPC_DELETE)
    actions = (Action(VPC_RETRY),)

    def visible(self, actor: Actor) -> QuerySet[Vpc]:
        """Return the actor's VPCs."""
        return selectors.visible_vpcs(actor)


class SubnetBody(serializers.Serializer[Any]):
    vpc = serializers.UUIDField(help_text="VPC of the subnet, which defines its project and region.")
    name = LineField(max_length=63)
    cidr = serializers.CharField(max_length=43, help_text="IPv4 CIDR block inside the VPC's, /29 or larger.")
    cidr6 = serializers.CharField(
        max_length=43, required=False, allow_blank=True, default="", help_text=f"{_PREFIX} Empty: no IPv6."
    )
    description = LineField(max_length=255, required=False, allow_blank=True, default="")


class SubnetIpv6Body(serializers.Serializer[Any]):
    cidr6 = serializers.CharField(max_length=43, help_text=_PREFIX)


class SubnetOut(ResourceOut):
    vpc = ReferenceOut()
    cidr = serializers.CharField()
    gateway = serializers.CharField()
    cidr6 = serializers.CharField(allow_null=True, help_text="IPv6 prefix; null: no IPv6.")
    gateway6 = serializers.CharField(allow_null=True)
    free_addresses = serializers.IntegerField()

    @staticmethod
    def own(row: Subnet) -> dict[str, Any]:
        """Return the subnet's own values."""
        return {
            "vpc": {"id": str(row.vpc_id), "name": row.vpc.name},
            "cidr": str(row.cidr),
            "gateway": str(row.gateway),
            "cidr6": str(row.cidr6) if row.cidr6 else None,
            "gateway6": str(row.gateway6) if row.gateway6 else None,
            "free_addresses": row.free_addresses,
        }


class SubnetsApi(ResourceApi):
    """Subnets of a VPC's CIDR block, each with a gateway and DHCP, and with IPv6 if wanted."""

    model = Subnet
    out = SubnetOut
    filterset_class = SubnetFilter
    create = Create(SUBNET_CREATE, SubnetBody)
    update = Update(SUBNET_RENAME)
    delete = Action(SUBNET_DELETE)
    actions = (Action(SUBNET_ADD_IPV6, SubnetIpv6Body), Action(SUBNET_RETRY))

    def visible(self, actor: Actor) -> QuerySet[Subnet]:
        """Return the actor's subnets."""
        return selectors.visible_subnets(actor)
