"""NICs: places in a subnet, each with one MAC and one address for its whole life."""

from __future__ import annotations

import uuid

from django.db import models
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


class Nic(Loaded):
    """A NIC that comes and goes with its owner (a VM). No resource of its own: the owner's operations settle it.

    `security_group` NULL means unfiltered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Resource, models.PROTECT, related_name="nics")
    role = models.CharField(max_length=8, choices=NicRole, default=NicRole.INTERNAL)
    subnet = models.ForeignKey(Subnet, models.PROTECT, related_name="attached_nics")
    mac = models.CharField(max_length=17, unique=True, editable=False, db_default=NEXT_MAC)
    ip = InetAddressField(store_prefix_length=False)
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
            models.UniqueConstraint(fields=["owner", "role"], name="one_nic_per_role"),
        ]
        # Search by address, in whichever subnet.
        indexes = [models.Index(fields=["ip"], name="nic_address")]

    def __str__(self) -> str:
        return f"{self.ip} {self.mac}"
