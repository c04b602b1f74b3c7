"""What lists of external segments, their addresses, EIPs and elastic NICs can be narrowed by."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Flag, Number, Text
from apps.api.filters import ListFilter, ResourceFilter, named_or_with_id
from apps.api.query_fields import Words
from apps.api.status_filter import status_filter
from apps.network.by_address import at_address, starts
from apps.network.filters import holding
from apps.network.models import Eip, Eni, ExternalSegment, Nic, NicRole, SegmentAddress
from apps.network.segment_plan import is_address
from apps.network.sorting import ENI_NETWORK, ROUTES


def _of_version(versions: list[str]) -> Q:
    return Q(cidr__family__in=[int(version) for version in versions])


def _eip_of_version(versions: list[str]) -> Q:
    return Q(segment__cidr__family__in=[int(version) for version in versions])


_VERSIONS = (("4", "IPv4"), ("6", "IPv6"))


class SegmentFilter(ResourceFilter):
    by = {
        "status": status_filter(ExternalSegment),
        "cidr": Text(_("CIDR block"), "cidr", where=starts("cidr"), lookup="istartswith"),
        "version": Choices(_("IP version"), where=_of_version, choices=_VERSIONS),
        "vlan": Number(_("VLAN"), "provider_network__vlan", admin=True),
        "physical_network": Text(_("Physical network"), "provider_network__physical_network", admin=True),
        "ceiling": Number(_("Bandwidth ceiling (Mbit/s)"), "ceiling_mbit"),
        "open_to": Flag(_("Open to all tenants"), "open_to_all"),
        "routes": Text(_("Routes"), expression=ROUTES),
        "taken": Number(_("Addresses in use"), "taken_addresses", admin=True),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, or an address or block in it."""
        return queryset.filter(named_or_with_id(value.strip()) | holding(value))


class SegmentAddressFilter(ListFilter):
    """Addresses by where they are, why they are not free and who has them."""

    q = Words(method="search", label=_("Search"))
    by = {
        "segment": Choices(_("External segment"), "segment_id", each=forms.UUIDField),
        "use": Choices(_("Use"), "use", choices=SegmentAddress.Use.choices),
        "holder": Choices(_("Used by"), "holder_id", each=forms.UUIDField),
        "ip": Text(_("IP address"), "ip", where=starts("ip"), lookup="istartswith"),
        "mac": Text(_("MAC"), "mac", lookup="istartswith"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by address, MAC or the holder's name."""
        text = value.strip()
        found = Q(mac__istartswith=text) | Q(holder__name__icontains=text)
        return queryset.filter(found | Q(ip=text) if is_address(text) else found)


class EipFilter(ResourceFilter):
    by = {
        "status": status_filter(Eip),
        "address": Text(
            _("IP address"), "segment_address__ip", where=starts("segment_address__ip"), lookup="istartswith"
        ),
        "version": Choices(_("IP version"), where=_eip_of_version, choices=_VERSIONS),
        "segment": Choices(_("External segment"), "segment_id", each=forms.UUIDField),
        "carrier": Choices(_("Bound to"), "carrier_id", each=forms.UUIDField),
        "carrier_name": Text(_("Bound to (name)"), "carrier__name"),
        "bound": Flag(_("Bound"), where=lambda value: Q(carrier__isnull=not value)),
        "mbit": Number(_("Bandwidth (Mbit/s)"), "mbit"),
        "delivery": Choices(_("Delivery"), "delivery", choices=Eip.Delivery.choices),
        "egress": Flag(_("Picked as default egress"), "is_egress"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id or address."""
        text = value.strip()
        found = named_or_with_id(text)
        if is_address(text):
            held = SegmentAddress.objects.filter(ip=text).values("holder")
            return queryset.filter(found | Q(pk__in=held))
        return queryset.filter(found)


def _eni_of_role(roles: list[str]) -> Q:
    found = Q(pk__in=[])
    if "internal" in roles:
        found |= Q(segment__isnull=True)
    if "external" in roles:
        found |= Q(segment__isnull=False)
    return found


_ENI_ADDRESSES = ("nics__ip", "nics__ip6", "segment_address__ip")


class EniFilter(ResourceFilter):
    by = {
        "status": status_filter(Eni),
        "role": Choices(_("Type"), where=_eni_of_role, choices=NicRole.choices[:2]),
        "vm": Choices(_("Virtual machine"), "vm_id", each=forms.UUIDField),
        "vm_name": Text(_("Virtual machine (name)"), "vm__name"),
        "bound": Flag(_("Bound"), where=lambda value: Q(vm__isnull=not value)),
        "network": Text(_("Network"), expression=ENI_NETWORK),
        "subnet": Choices(_("Subnet"), "nics__subnet_id", each=forms.UUIDField),
        "vpc": Choices(_("VPC"), "nics__subnet__vpc_id", each=forms.UUIDField),
        "segment": Choices(_("External segment"), "segment_id", each=forms.UUIDField),
        "security_group": Choices(_("Security group"), "nics__security_group_id", each=forms.UUIDField),
        "address": Text(_("IP address"), where=starts(*_ENI_ADDRESSES), lookup="istartswith"),
        "mac": Text(_("MAC"), "nics__mac", lookup="istartswith"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, address or MAC."""
        text = value.strip()
        found = named_or_with_id(text)
        if is_address(text):
            inside = Nic.objects.filter(at_address(text), role=NicRole.ELASTIC).values("owner")
            outside = SegmentAddress.objects.filter(ip=text).values("holder")
            return queryset.filter(found | Q(pk__in=inside) | Q(pk__in=outside))
        if ":" in text:
            with_mac = Nic.objects.filter(mac__istartswith=text, role=NicRole.ELASTIC).values("owner")
            return queryset.filter(found | Q(pk__in=with_mac))
        return queryset.filter(found)
