"""Filters of compute's lists, for the API and the pages."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from uuid import UUID

import django_filters as filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filters import ResourceFilter, named_or_with_id
from apps.compute.models import Image, InstanceType, Power
from apps.network.models import Nic


class VmFilter(ResourceFilter):
    """Also found by IP address and MAC."""

    power = filters.ChoiceFilter(field_name="power_seen", choices=Power.choices, label=_("Power"))
    cluster = filters.NumberFilter(field_name="cluster_id", label=_("Cluster"))
    host = filters.UUIDFilter(method="on_host", label=_("Host"))
    image = filters.UUIDFilter(field_name="image_id", label=_("Image"))
    subnet = filters.UUIDFilter(method="in_subnet", label=_("Subnet"))

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Keep VMs by part of the name, id, IP address or MAC."""
        value = value.strip()
        nics = _nics(value)
        if nics is not None:
            return queryset.filter(pk__in=nics.values("owner"))
        return queryset.filter(named_or_with_id(value))

    def on_host(self, queryset: QuerySet[Any], name: str, value: object) -> QuerySet[Any]:
        """Keep the VMs of a host; hosts are for admins only, nobody else learns who shares one."""
        actor = getattr(self.request, "actor", None)
        if actor is None or not actor.is_admin or actor.tenant is not None:
            return queryset.none()
        return queryset.filter(host_id=value)

    def in_subnet(self, queryset: QuerySet[Any], name: str, value: UUID) -> QuerySet[Any]:
        """Keep the VMs with a NIC in a subnet."""
        return queryset.filter(pk__in=Nic.objects.filter(subnet_id=value).values("owner"))


def _nics(value: str) -> QuerySet[Nic] | None:
    """Return the NICs with this address, None when it is neither an IP address nor a MAC."""
    try:
        return Nic.objects.filter(ip=str(ip_address(value)))
    except ValueError:
        mac = value.lower().replace("-", ":")
        return Nic.objects.filter(mac=mac) if mac.count(":") == 5 else None


class ImageFilter(ResourceFilter):
    os_family = filters.ChoiceFilter(choices=Image.Family.choices, label=_("OS family"))
    base = filters.BooleanFilter(field_name="tenant", lookup_expr="isnull", label=_("Base image"))


class KeyPairFilter(ResourceFilter):
    pass


class InstanceTypeFilter(filters.FilterSet):
    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label=_("Search"))
    cluster = filters.NumberFilter(field_name="cluster_id", label=_("Cluster"))
    region = filters.CharFilter(field_name="cluster__region__name", label=_("Region"))

    class Meta:
        model = InstanceType
        fields: tuple[str, ...] = ()
