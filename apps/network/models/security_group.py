"""Security groups: stateful packet filters, denying what no rule accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from netfields import CidrAddressField

from apps.drivers.specs import Direction, RuleAction, RulePriority
from apps.lifecycle.models import Kind

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

    from apps.network.models.nic import Nic


class Protocol(models.TextChoices):
    """What a rule matches. TCP and UDP need a port or a range; the others have none."""

    ALL = "all", _("ALL")
    ALL_TCP = "all_tcp", _("ALL TCP")
    ALL_UDP = "all_udp", _("ALL UDP")
    TCP = "tcp", _("TCP")
    UDP = "udp", _("UDP")
    ICMPV4 = "icmpv4", _("ICMPv4")
    ICMPV6 = "icmpv6", _("ICMPv6")
    GRE = "gre", _("GRE")


WITH_PORTS = (Protocol.TCP, Protocol.UDP)


class SecurityGroup(Kind):
    """A set of rules, bound to any number of NICs. Its generation is that of its rules."""

    if TYPE_CHECKING:
        rules: RelatedManager[SecurityGroupRule]
        bound_nics: RelatedManager[Nic]

    class Meta:
        verbose_name = _("security group")
        verbose_name_plural = _("security groups")


class SecurityGroupRule(models.Model):
    """One rule. Of two that match a packet the higher priority wins; `position` is for people only."""

    class Direction(models.TextChoices):
        IN = Direction.IN.value, _("Inbound")
        OUT = Direction.OUT.value, _("Outbound")

    class Action(models.TextChoices):
        ACCEPT = RuleAction.ACCEPT.value, _("Accept")
        REJECT = RuleAction.REJECT.value, _("Reject")
        DROP = RuleAction.DROP.value, _("Drop")

    class Priority(models.TextChoices):
        HIGH = RulePriority.HIGH.value, _("High")
        MEDIUM = RulePriority.MEDIUM.value, _("Medium")
        LOW = RulePriority.LOW.value, _("Low")

    group = models.ForeignKey(SecurityGroup, models.CASCADE, related_name="rules")
    position = models.PositiveSmallIntegerField()
    direction = models.CharField(max_length=3, choices=Direction)
    protocol = models.CharField(max_length=8, choices=Protocol)
    port_min = models.PositiveIntegerField(null=True, blank=True)
    port_max = models.PositiveIntegerField(null=True, blank=True)
    # The other side: source of what comes in, destination of what goes out.
    cidr = CidrAddressField()
    action = models.CharField(max_length=8, choices=Action, default=Action.ACCEPT)
    priority = models.CharField(max_length=8, choices=Priority, default=Priority.MEDIUM)
    description = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        ordering = ["group", "position"]
        constraints = [
            models.UniqueConstraint(fields=["group", "position"], name="one_rule_per_position"),
            models.CheckConstraint(
                name="ports_where_the_protocol_has_them",
                condition=Q(
                    protocol__in=WITH_PORTS,
                    port_min__gte=1,
                    port_max__lte=65535,
                    port_max__gte=F("port_min"),
                )
                | (~Q(protocol__in=WITH_PORTS) & Q(port_min__isnull=True, port_max__isnull=True)),
            ),
        ]
