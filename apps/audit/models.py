from django.db import models
from django.utils import timezone

DONE = "done"


class AuditEntry(models.Model):
    """One line of the operation log. The result and duration of a change are those of its operation."""

    at = models.DateTimeField(default=timezone.now)
    # The log of a tenant that is deleted stays, for administrators.
    tenant = models.ForeignKey("tenancy.Tenant", models.SET_NULL, null=True, related_name="+")
    # Of the target: members see what was done in the projects they see.
    project = models.ForeignKey("tenancy.Project", models.SET_NULL, null=True, related_name="+")
    user = models.ForeignKey("tenancy.User", models.SET_NULL, null=True, related_name="+")
    # Who it was at that time, also after the account is gone; an admin acting as a tenant is named as such.
    actor_name = models.CharField(max_length=150)
    via = models.CharField(max_length=16)
    # The API key that acted, also after it is revoked. No foreign key: it may be gone.
    api_key_id = models.UUIDField(null=True)
    api_key_name = models.CharField(max_length=63, blank=True, default="", db_default="")
    ip = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True, default="")
    verb = models.CharField(max_length=48)
    target_kind = models.CharField(max_length=32, blank=True, default="")
    target_id = models.UUIDField(null=True)
    target_name = models.CharField(max_length=63, blank=True, default="")
    operation = models.ForeignKey(
        "lifecycle.Operation", models.SET_NULL, null=True, related_name="audit_entries"
    )
    args = models.JSONField(default=dict)
    # For what has no operation: "done", or the code with which it was refused.
    outcome = models.CharField(max_length=64, default=DONE)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-at"], name="audit_tenant_list"),
            models.Index(fields=["-at"], name="audit_admin_list"),
            models.Index(fields=["target_id", "-at"], name="audit_target"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_name} {self.verb} {self.target_name}"
