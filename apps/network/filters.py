"""What lists of networks can be narrowed by, in the API and the pages alike."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.api.filter_fields import Choices, Flag, Number, Text
from apps.api.filters import ListFilter, ResourceFilter, named_or_with_id
from apps.api.query_fields import Words
from apps.network.by_address import at_address, starts
from apps.network.models import Nic, NicRole, SecurityGroupRule
from apps.network.segment_plan import is_address
from apps.network.selectors import FREE_ADDRESSES, RULE_COUNT


class VpcFilter(ResourceFilter):
    by = {
        "cidr": Text(_("CIDR block"), "cidr", where=starts("cidr"), lookup="istartswith"),
        "subnets": Number(_("Subnets"), "subnet_count"),
        "vni": Number(_("Identifier"), "vni"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, or an address or block in it."""
        return queryset.filter(named_or_with_id(value.strip()) | holding(value))


class SubnetFilter(ResourceFilter):
    by = {
        "cidr": Text(_("CIDR block"), "cidr", where=starts("cidr"), lookup="istartswith"),
        "cidr6": Text(_("IPv6 prefix"), "cidr6", where=starts("cidr6"), lookup="istartswith"),
        "vpc": Choices(_("VPC"), "vpc_id", each=forms.UUIDField),
        "free": Number(_("Free addresses"), expression=FREE_ADDRESSES),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by name, id, or an address or block in it."""
        return queryset.filter(named_or_with_id(value.strip()) | holding(value) | holding(value, "cidr6"))


class NicFilter(ListFilter):
    """NICs by where they are, whose they are, and what they are called on the wire."""

    q = Words(method="search", label=_("Search"))
    by = {
        "subnet": Choices(_("Subnet"), "subnet_id", each=forms.UUIDField),
        "vpc": Choices(_("VPC"), "subnet__vpc_id", each=forms.UUIDField),
        "security_group": Choices(_("Security group"), "security_group_id", each=forms.UUIDField),
        "owner": Choices(_("Owner"), "owner_id", each=forms.UUIDField),
        "role": Choices(_("Role"), "role", choices=NicRole.choices),
        "mac": Text(_("MAC"), "mac", lookup="istartswith"),
        "ip": Text(_("IP address"), "ip", where=starts("ip", "ip6"), lookup="istartswith"),
    }

    def search(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        """Find by address, MAC or the owner's name."""
        text = value.strip()
        found = Q(mac__istartswith=text) | Q(owner__name__icontains=text)
        return queryset.filter(found | at_address(text) if is_address(text) else found)


def _with_action(actions: list[str]) -> Q:
    return Q(pk__in=SecurityGroupRule.objects.filter(action__in=actions).values("group"))


class SecurityGroupFilter(ResourceFilter):
    by = {
        "rules": Number(_("Rules"), expression=RULE_COUNT),
        "bindings": Number(_("Used by"), "bound_count"),
        "action": Choices(_("Action"), where=_with_action, choices=SecurityGroupRule.Action.choices),
        "bound": Flag(_("In use"), where=lambda value: _bound() if value else ~_bound()),
    }


def _bound() -> Q:
    return Q(pk__in=Nic.objects.filter(security_group__isnull=False).values("security_group"))


def holding(value: str, column: str = "cidr") -> Q:
    """Return the condition that a block begins with the text, or that the address is in it."""
    text = value.strip()
    if is_address(text):
        return Q(**{f"{column}__net_contains_or_equals": text})
    return starts(column)(text)
