"""Security groups in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from apps.api import limits
from apps.api.bodies import Items, NewResource
from apps.api.declarations import Action, Create, Update
from apps.api.representation import ResourceOut
from apps.api.views import ResourceApi
from apps.lifecycle.actor import Actor
from apps.network import selectors
from apps.network.api.vpcs import REGION_HELP
from apps.network.filters import SecurityGroupFilter
from apps.network.models import Protocol, SecurityGroup, SecurityGroupRule
from apps.network.rule_ports import port_text
from apps.network.rule_shortcuts import SHORTCUTS, service_name
from apps.network.rules import MAX_RULES
from apps.network.verbs import (
    SECURITY_GROUP_CREATE,
    SECURITY_GROUP_DELETE,
    SECURITY_GROUP_RENAME,
    SECURITY_GROUP_RETRY,
    SECURITY_GROUP_SET_RULES,
)

RULE_PROTOCOLS = [*Protocol.values, *SHORTCUTS]


class RuleBody(serializers.Serializer[Any]):
    direction = serializers.ChoiceField(choices=SecurityGroupRule.Direction.choices)
    protocol = serializers.ChoiceField(
        choices=RULE_PROTOCOLS, help_text="A protocol, or a service (protocol and port)."
    )
    port = serializers.CharField(
        max_length=11,
        required=False,
        allow_blank=True,
        default="",
        help_text="Port or port range, such as 22 or 8000-8080; only for tcp and udp.",
    )
    address = serializers.CharField(
        max_length=49,
        help_text="Remote IPv4 or IPv6 address or CIDR block; 0.0.0.0/0 or ::/0 for any.",
    )
    action = serializers.ChoiceField(choices=SecurityGroupRule.Action.choices, default="accept")
    priority = serializers.ChoiceField(choices=SecurityGroupRule.Priority.choices, default="medium")
    description = serializers.CharField(max_length=255, required=False, allow_blank=True, default="")
    service = serializers.CharField(
        max_length=32,
        required=False,
        allow_blank=True,
        help_text="Ignored: a rule can be sent as it was returned.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Leave out what is derived."""
        attrs.pop("service", None)
        return attrs


class SecurityGroupBody(NewResource):
    region = serializers.SlugField(
        max_length=32, required=False, allow_null=True, default=None, help_text=REGION_HELP
    )
    rules = Items(RuleBody(), MAX_RULES, required=False, default=list)


class RulesBody(serializers.Serializer[Any]):
    rules = Items(RuleBody(), MAX_RULES, help_text="All rules. Rules not listed are removed. At most 200.")
    generation = serializers.IntegerField(
        min_value=0,
        max_value=limits.INTEGER,
        required=False,
        allow_null=True,
        default=None,
        help_text="Generation the rules are based on. Refused if the rules have changed since.",
    )


class RuleOut(serializers.Serializer[Any]):
    direction = serializers.ChoiceField(choices=SecurityGroupRule.Direction.choices)
    protocol = serializers.ChoiceField(choices=Protocol.choices)
    port = serializers.CharField()
    service = serializers.CharField(
        help_text="Service name such as SSH or HTTP, if protocol and port match one."
    )
    address = serializers.CharField()
    action = serializers.ChoiceField(choices=SecurityGroupRule.Action.choices)
    priority = serializers.ChoiceField(choices=SecurityGroupRule.Priority.choices)
    description = serializers.CharField()


class SecurityGroupOut(ResourceOut):
    rules = RuleOut(many=True)
    generation = serializers.IntegerField(help_text="Incremented with each change of the rules.")
    bound_count = serializers.IntegerField(help_text="Number of NICs that use it; see /nics?security_group=…")

    @staticmethod
    def own(row: Any) -> dict[str, Any]:
        """Return the group's own values."""
        return {
            "rules": [rule_out(rule) for rule in row.rules.all()],
            "generation": row.generation,
            "bound_count": row.bound_count,
        }


def rule_out(rule: SecurityGroupRule) -> dict[str, Any]:
    """Return a rule as it could be sent in."""
    port = port_text(rule.port_min, rule.port_max)
    return {
        "direction": rule.direction,
        "protocol": rule.protocol,
        "port": port,
        "service": service_name(rule.protocol, port),
        "address": str(rule.cidr),
        "action": rule.action,
        "priority": rule.priority,
        "description": rule.description,
    }


class SecurityGroupsApi(ResourceApi):
    """Stateful packet filters. Traffic that no rule accepts is denied. The matching rule with the highest
    priority wins.
    """

    model = SecurityGroup
    out = SecurityGroupOut
    filterset_class = SecurityGroupFilter
    create = Create(SECURITY_GROUP_CREATE, SecurityGroupBody)
    update = Update(SECURITY_GROUP_RENAME)
    delete = Action(SECURITY_GROUP_DELETE)
    actions = (
        Action(SECURITY_GROUP_SET_RULES, RulesBody),
        Action(SECURITY_GROUP_RETRY),
    )

    def visible(self, actor: Actor) -> QuerySet[SecurityGroup]:
        """Return the actor's groups."""
        return selectors.visible_security_groups(actor)
