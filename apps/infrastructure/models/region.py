"""Regions."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from apps.lifecycle.models import Loaded


class Region(Loaded):
    """One physical data centre with one network fabric. Resources never change their region."""

    name = models.SlugField(max_length=32, unique=True)
    label = models.CharField(max_length=63)
    # "ovn" (address of its northbound database) or "memory" (simulated, for tests and benchmarks).
    fabric_driver = models.CharField(max_length=16, default="ovn")
    fabric_address = models.CharField(max_length=255, blank=True, default="")
    dns_servers = models.JSONField(default=list, blank=True)
    # Whether tenants may create anything in it; an administrator opens it once it is ready.
    open_to_tenants = models.BooleanField(default=False)
    # Opened, and not every account has its default network there yet.
    default_networks_due = models.BooleanField(default=False)
    # When its network database last answered, by PostgreSQL's clock.
    fabric_seen_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label
