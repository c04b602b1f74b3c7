"""Accounts. A tenant owns resources; projects (business groups) part them; members get roles per project.

What a role may do stands in guardian's tables of permissions on projects and on single resources, with direct
foreign keys: their rows are the only grants there are, so visibility is one subquery for each.
"""

from __future__ import annotations

import uuid
from importlib import import_module

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.functions import RandomUUID
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from apps.lifecycle.models import Resource
from apps.lifecycle.models.loading import Loaded


class Tenant(Loaded):
    """A customer of the cloud: one primary account (its owner) and any number of sub-accounts."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=255, blank=True, default="")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Project(Loaded):
    """A business group of a tenant. Every tenant has a default one."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="projects")
    name = models.CharField(max_length=63)
    description = models.CharField(max_length=255, blank=True, default="")
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-is_default", "name"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="one_project_per_name"),
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(is_default=True), name="one_default_project_per_tenant"
            ),
        ]
        permissions = [
            ("view_resources", "See the resources of the project"),
            ("operate_resources", "Start, stop, open the console of resources"),
            ("manage_resources", "Create, change and delete resources"),
        ]

    def __str__(self) -> str:
        return self.name


class ProjectUserObjectPermission(UserObjectPermissionBase):
    """Guardian's direct-key grant of a project permission to a user."""

    content_object = models.ForeignKey(Project, models.CASCADE)


class ProjectGroupObjectPermission(GroupObjectPermissionBase):
    """Guardian's direct-key grant to a group; not used by the product, required by guardian beside the other."""

    content_object = models.ForeignKey(Project, models.CASCADE)


class ResourceUserObjectPermission(UserObjectPermissionBase):
    """Guardian's direct-key grant of a permission on a single resource to a user."""

    # As an ID of the API. The role's is that of the row of the permission to view.
    uid = models.UUIDField(unique=True, default=uuid.uuid4, db_default=RandomUUID(), editable=False)
    content_object = models.ForeignKey(Resource, models.CASCADE, related_name="+")

    #: Set by `selectors.visible_resource_roles`.
    role: str

    def __str__(self) -> str:
        return f"{self.content_object.name}, {self.user.username}"


class User(AbstractUser):
    """A login: a platform admin (no tenant), a tenant's owner, or a member with roles in projects."""

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, null=True, blank=True, related_name="users")
    is_platform_admin = models.BooleanField(default=False)
    is_tenant_owner = models.BooleanField(default=False)
    # Set with a generated password: nothing but choosing an own one is possible until it is done.
    must_change_password = models.BooleanField(default=False)
    # Typed by whoever manages the account, not by its user: only such an address says whose login elsewhere fits.
    email_is_vouched_for = models.BooleanField(default=True)
    language = models.CharField(max_length=10, blank=True, default="")
    time_zone = models.CharField(max_length=63, blank=True, default="")
    theme = models.CharField(max_length=5, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(is_platform_admin=True, tenant__isnull=True)
                | models.Q(is_platform_admin=False, tenant__isnull=False),
                name="admins_have_no_tenant_and_others_have_one",
            ),
            models.CheckConstraint(
                condition=models.Q(username=Lower("username")), name="log_in_names_are_in_small_letters"
            ),
        ]


class Role(models.TextChoices):
    """What a member may do in one project, or with one resource. Each role includes the ones before it."""

    VIEWER = "viewer", _("Viewer")
    OPERATOR = "operator", _("Operator")
    MANAGER = "manager", _("Manager")


ROLE_PERMISSIONS: dict[str, tuple[str, ...]] = {
    Role.VIEWER: ("view_resources",),
    Role.OPERATOR: ("view_resources", "operate_resources"),
    Role.MANAGER: ("view_resources", "operate_resources", "manage_resources"),
}


class ApiKey(models.Model):
    """A key for the API: shown once, stored as a hash, limited to a scope and a time.

    `prefix` finds the row; `secret_hash` is SHA-256 of the rest, which is 256 bits of randomness and needs no salt.
    """

    class Scope(models.TextChoices):
        """Each includes the ones before it."""

        READ = "read", _("Read only")
        OPERATE = "operate", _("Read and operate")
        WRITE = "write", _("Read and change")
        ACCOUNTS = "accounts", _("Read, change and manage accounts")

    uid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    #: The key it was made with, if any. It ends with that one.
    parent = models.ForeignKey("self", models.CASCADE, null=True, blank=True, related_name="children")
    name = models.CharField(max_length=63)
    prefix = models.CharField(max_length=16, unique=True)
    secret_hash = models.CharField(max_length=64)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.READ)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    #: A limit of its own, below the platform's (throttle/rates.py).
    requests_per_minute = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        """Whether it is accepted no more."""
        return self.expires_at is not None and self.expires_at <= timezone.now()


class Session(AbstractBaseSession):
    """A browser's session, with what its list shows. The columns follow the session's data: see `sessions.py`."""

    # The key itself is what the browser's cookie holds, and is never shown.
    uid = models.UUIDField(unique=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    began_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=255, blank=True, default="")
    method = models.CharField(max_length=32, blank=True, default="")

    class Meta(AbstractBaseSession.Meta):
        ordering = ["-seen_at"]

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return what reads and writes these rows."""
        # By the setting's name: the store reads this module.
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store
