"""Requests that may be sent twice and are carried out once."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class IdempotentRequest(models.Model):
    """The answer to a request with a key of its caller's, kept so that sending it again does nothing twice."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    #: The API key that sent it; "" for the user's sessions.
    caller = models.CharField(max_length=36, blank=True, default="")
    key = models.CharField(max_length=255)
    #: HMAC-SHA-256 over what was requested.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    location = models.CharField(max_length=255, blank=True, default="")
    body = models.JSONField(null=True)
    # Where it was done, for asking again whether the caller may. No foreign keys: it may be gone.
    project_id = models.BigIntegerField(null=True)
    tenant_id = models.BigIntegerField(null=True)
    resource_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "caller", "key"], name="one_request_per_key")]
        indexes = [models.Index(fields=["created_at"], name="idempotent_expiry")]

    def __str__(self) -> str:
        return self.key
