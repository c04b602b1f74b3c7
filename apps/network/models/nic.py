"""NICs: places in a subnet, each with one MAC and one address for its whole life."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from netfields import InetAddressField

from apps.lifecycle.models import Loaded, Resource
from apps.network.models.numbers import NEXT_MAC
from apps.network.models.security_group import SecurityGroup
from apps.network.models.vpc import Subnet


class NicRole(models.TextChoices):
    INTERNAL = "internal", _("Internal")
    EXTERNAL = "external", _("External")
    #: The one NIC of an elastic NIC, which is its owner.
    ELASTIC = "elastic", _("Elastic")


class Nic(Loaded):
    """A NIC that comes and goes with its owner (a VM). No resource of its own: the owner's operations settle it.

    `security_group` NULL means unfiltered. An external one is on the region's edge: it has no subnet, and no address of
    its own but those bound to its owner. mbit limits all that it receives and sends; 0 means unlimited.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Resource, models.PROTECT, related_name="nics")
    role = models.CharField(max_length=8, choices=NicRole, default=NicRole.INTERNAL)
    subnet = models.ForeignKey(Subnet, models.PROTECT, null=True, blank=True, related_name="attached_nics")
    mac = models.CharField(max_length=17, unique=True, editable=False, db_default=NEXT_MAC)
    ip = InetAddressField(store_prefix_length=False, null=True, blank=True)
    ip6 = InetAddressField(store_prefix_length=False, null=True, blank=True)
    mbit_in = models.PositiveIntegerField(default=0)
    mbit_out = models.PositiveIntegerField(default=0)
    security_group = models.ForeignKey(
        SecurityGroup, models.PROTECT, null=True, blank=True, related_name="bound_nics"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("NIC")
        verbose_name_plural = _("NICs")
        constraints = [
            # Its index is also what the search for a free address walks along.
            models.UniqueConstraint(fields=["subnet", "ip"], name="one_nic_per_address"),
            models.UniqueConstraint(fields=["subnet", "ip6"], name="one_nic_per_ipv6_address"),
            models.UniqueConstraint(fields=["owner", "role"], name="one_nic_per_role"),
            models.CheckConstraint(
                condition=Q(subnet__isnull=False, ip__isnull=False) | Q(subnet__isnull=True, ip__isnull=True),
                name="address_and_subnet_together",
            ),
            models.CheckConstraint(
                condition=Q(ip6__isnull=True) | Q(subnet__isnull=False), name="ipv6_address_in_a_subnet"
            ),
            models.CheckConstraint(
                condition=~Q(role="internal") | Q(subnet__isnull=False), name="internal_nics_have_a_subnet"
            ),
        ]
        # Search by address, in whichever subnet.
        indexes = [
            models.Index(fields=["ip"], name="nic_address"),
            models.Index(fields=["ip6"], name="nic_ipv6_address", condition=Q(ip6__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.ip} {self.mac}" if self.ip else self.mac

    @property
    def ips(self) -> list[str]:
        """Its addresses in the subnet, IPv4 first."""
        return [str(ip) for ip in (self.ip, self.ip6) if ip]

    @property
    def its_subnet(self) -> Subnet:
        """The subnet of a NIC that is in one: every internal one."""
        assert self.subnet is not None, "this NIC is on the edge"
        return self.subnet
