"""What happened to a resource, for its timeline."""

from django.db import models
from django.utils import timezone

from apps.lifecycle.models.loading import Loaded
from apps.lifecycle.models.resource import Resource


class Event(Loaded):
    """One line of a resource's timeline that no operation or audit row already says (observed changes, repairs)."""

    resource = models.ForeignKey(Resource, models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    code = models.CharField(max_length=64)
    message = models.CharField(max_length=500)

    class Meta:
        indexes = [models.Index(fields=["resource", "-at"], name="event_timeline")]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
