from django.db import models


class Quota(models.Model):
    """A tenant's limit and use of one metric. Only `services.take` and `services.give_back` change `used`."""

    tenant = models.ForeignKey("tenancy.Tenant", models.CASCADE, related_name="quotas")
    metric = models.CharField(max_length=32)
    limit = models.PositiveIntegerField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "metric"], name="one_quota_per_metric"),
        ]
        ordering = ["metric"]

    def __str__(self) -> str:
        return f"{self.metric} {self.used}/{self.limit}"
