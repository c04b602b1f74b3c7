"""VPCs and the subnets in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from netfields import CidrAddressField, InetAddressField

from apps.lifecycle.models import Kind
from apps.network.models.numbers import NEXT_MAC, NEXT_VNI

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.network.models.nic import Nic


#: Network, gateway and broadcast address.
RESERVED_ADDRESSES = 3


class AllowedRange(models.Model):
    """A block VPCs may be cut from, set by the admin. Without any row `ranges.DEFAULT_RANGES` hold."""

    cidr = CidrAddressField(unique=True)
    min_prefix = models.PositiveSmallIntegerField()
    max_prefix = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["cidr"]

    def __str__(self) -> str:
        return f"{self.cidr} /{self.min_prefix}-/{self.max_prefix}"


class Vpc(Kind):
    """A private network of its own: nothing in it reaches, or is reached from, another VPC.

    `vni` identifies it in the fabric and is unique over all regions.
    """

    cidr = CidrAddressField()
    vni = models.PositiveIntegerField(unique=True, editable=False, db_default=NEXT_VNI)

    if TYPE_CHECKING:
        subnets: RelatedManager[Subnet]

    class Meta:
        verbose_name = _("VPC")
        verbose_name_plural = _("VPCs")


class Subnet(Kind):
    """A part of a VPC's block with a gateway, which is its first address, and DHCP.

    `last_given` is the address given out last; the search for the next free one starts behind it. With an IPv6 prefix
    (`cidr6`) its NICs get an IPv6 address as well; those made before it have none.
    """

    vpc = models.ForeignKey(Vpc, models.PROTECT, related_name="subnets")
    cidr = CidrAddressField()
    gateway = InetAddressField(store_prefix_length=False)
    cidr6 = CidrAddressField(null=True, blank=True)
    gateway6 = InetAddressField(store_prefix_length=False, null=True, blank=True)
    gateway_mac = models.CharField(max_length=17, unique=True, editable=False, db_default=NEXT_MAC)
    last_given = InetAddressField(store_prefix_length=False, editable=False)

    if TYPE_CHECKING:
        attached_nics: RelatedManager[Nic]
        #: Set by `selectors.with_free_addresses`.
        taken_addresses: int

    class Meta:
        verbose_name = _("subnet")
        verbose_name_plural = _("subnets")
        constraints = [
            ExclusionConstraint(
                name="subnets_of_a_vpc_do_not_overlap",
                expressions=[
                    ("vpc", RangeOperators.EQUAL),
                    (OpClass("cidr", "inet_ops"), RangeOperators.OVERLAPS),
                ],
            ),
            ExclusionConstraint(
                name="ipv6_prefixes_of_a_vpc_do_not_overlap",
                expressions=[
                    ("vpc", RangeOperators.EQUAL),
                    (OpClass("cidr6", "inet_ops"), RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                condition=Q(cidr6__isnull=True, gateway6__isnull=True)
                | Q(cidr6__isnull=False, gateway6__isnull=False),
                name="ipv6_gateway_with_the_prefix",
            ),
        ]

    @property
    def free_addresses(self) -> int:
        """How many NICs still fit; the subnet must come from `selectors.with_free_addresses`."""
        return int(self.cidr.num_addresses) - RESERVED_ADDRESSES - self.taken_addresses
