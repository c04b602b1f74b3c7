"""External networks: what administrators connect, and the addresses in use there."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.contrib.postgres.indexes import OpClass
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from netfields import CidrAddressField, InetAddressField

from apps.infrastructure.models import Region
from apps.lifecycle.models import Kind, Loaded, Resource
from apps.network.models.numbers import NEXT_MAC
from apps.network.models.vpc import Vpc

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

LAST_VLAN = 4094


class Edge(Loaded):
    """The way out of a region, made with its first segment. Its generation counts changes of the hosts in it.

    `hosts`: names of those that may carry what is not distributed, the preferred one first.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Gone with its region, which is deleted only when nothing is in it.
    region = models.OneToOneField(Region, models.CASCADE, related_name="edge")
    hosts = ArrayField(models.CharField(max_length=63), default=list, blank=True)
    mac = models.CharField(max_length=17, unique=True, editable=False, db_default=NEXT_MAC)
    generation = models.PositiveIntegerField(default=1)


class ProviderNetwork(Loaded):
    """A VLAN of a physical network (0: untagged), made with the first segment on it. Segments' operations settle it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    edge = models.ForeignKey(Edge, models.PROTECT, related_name="provider_networks")
    physical_network = models.CharField(max_length=63)
    vlan = models.PositiveSmallIntegerField(validators=[MaxValueValidator(LAST_VLAN)])
    mac = models.CharField(max_length=17, unique=True, editable=False, db_default=NEXT_MAC)
    generation = models.PositiveIntegerField(default=1)

    if TYPE_CHECKING:
        segments: RelatedManager[ExternalSegment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["edge", "physical_network", "vlan"], name="one_provider_network_per_vlan"
            ),
            models.CheckConstraint(condition=Q(vlan__lte=LAST_VLAN), name="vlan_in_range"),
        ]


class ExternalSegment(Kind):
    """A CIDR, IPv4 or IPv6, on a provider network, and what tenants may have of it.

    `routes` are the destinations handed out with its addresses: 0.0.0.0/0 or ::/0 is the default route. `ceiling_mbit`
    is the most a tenant may set for an address. Its ranges say which addresses are given out; without any, all are.
    """

    edge = models.ForeignKey(Edge, models.PROTECT, related_name="segments")
    provider_network = models.ForeignKey(ProviderNetwork, models.PROTECT, related_name="segments")
    cidr = CidrAddressField()
    gateway = InetAddressField(store_prefix_length=False)
    router_address = InetAddressField(store_prefix_length=False)
    routes = ArrayField(CidrAddressField(), default=list, blank=True)
    ceiling_mbit = models.PositiveIntegerField(default=1000)
    open_to_all = models.BooleanField(default=True)
    tenants = models.ManyToManyField("tenancy.Tenant", blank=True, related_name="+")
    last_given = InetAddressField(store_prefix_length=False, editable=False)

    if TYPE_CHECKING:
        ranges: RelatedManager[SegmentRange]
        addresses: RelatedManager[SegmentAddress]

    class Meta:
        verbose_name = _("external segment")
        verbose_name_plural = _("external segments")
        constraints = [
            ExclusionConstraint(
                name="segments_of_a_region_do_not_overlap",
                expressions=[
                    ("edge", RangeOperators.EQUAL),
                    (OpClass("cidr", "inet_ops"), RangeOperators.OVERLAPS),
                ],
            ),
        ]

    @property
    def version(self) -> int:
        """4 or 6."""
        return int(self.cidr.version)

    @property
    def has_default_route(self) -> bool:
        """Whether its addresses come with a default route."""
        return any(route.prefixlen == 0 for route in self.routes)


class SegmentRange(models.Model):
    """Addresses of a segment that are given out, or kept back for the administrator's own use."""

    segment = models.ForeignKey(ExternalSegment, models.CASCADE, related_name="ranges")
    first = InetAddressField(store_prefix_length=False)
    last = InetAddressField(store_prefix_length=False)
    reserved = models.BooleanField(default=False)

    class Meta:
        ordering = ["segment", "first"]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="range_from_low_to_high")
        ]


class SegmentAddress(models.Model):
    """An address that is not free: a resource has it, or it is held. One row an address is what makes it unique."""

    class Use(models.TextChoices):
        EIP = "eip", _("EIP")
        ENI = "eni", _("Elastic NIC")
        QUARANTINE = "quarantine", _("Quarantine")
        CONFLICT = "conflict", _("Conflict")

    segment = models.ForeignKey(ExternalSegment, models.PROTECT, related_name="addresses")
    ip = InetAddressField(store_prefix_length=False)
    use = models.CharField(max_length=10, choices=Use)
    holder = models.OneToOneField(
        Resource, models.PROTECT, null=True, blank=True, related_name="segment_address"
    )
    # Of a quarantine: who released it.
    tenant = models.ForeignKey(
        "tenancy.Tenant", models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    # Until when it is held; null: as long as it has a holder, or until the administrator frees it.
    until = models.DateTimeField(null=True, blank=True)
    # Of a conflict: from which MAC the address answered.
    mac = models.CharField(max_length=17, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["segment", "ip"], name="one_use_per_segment_address"),
            models.CheckConstraint(
                condition=Q(use__in=["eip", "eni"]) ^ Q(holder__isnull=True), name="only_resources_hold"
            ),
        ]
        indexes = [
            models.Index(fields=["ip"], name="segment_address_ip"),
            models.Index(fields=["until"], name="segment_address_until", condition=Q(until__isnull=False)),
        ]


class VpcUplink(models.Model):
    """A VPC's link to the edge, numbered there; made when its first address is translated."""

    edge = models.ForeignKey(Edge, models.PROTECT, related_name="uplinks")
    vpc = models.OneToOneField(Vpc, models.CASCADE, related_name="uplink")
    number = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["edge", "number"], name="one_uplink_per_number")]
