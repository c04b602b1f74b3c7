from django.db import models
from django.utils import timezone


class PlatformSetting(models.Model):
    """A setting that differs from its default. `value` is JSON, of the setting's kind."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.JSONField()
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.CharField(max_length=150)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
