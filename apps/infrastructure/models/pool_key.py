"""Which hosts have been given the keys of which pools."""

from __future__ import annotations

from django.db import models

from apps.infrastructure.models.host import Host


class GivenPoolKey(models.Model):
    """A pool's key that a host has. `pool_id` is no foreign key: a removed pool's key is still to be taken back."""

    host = models.ForeignKey(Host, models.CASCADE, related_name="pool_keys")
    pool_id = models.CharField(max_length=36)
    digest = models.CharField(max_length=64)
    given_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "pool_id"], name="one_key_per_host_and_pool")]
