"""Rows that tests of every subject need, made directly and quickly: plain functions, sensible defaults, no magic.

A VM, a disk, a VPC and so on have factories of their own beside their tests; what several subjects need stands here.
"""

from __future__ import annotations

import time
from functools import cache
from itertools import count
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.acting import start as start_acting
from apps.accounts.keys import issue_key
from apps.accounts.models import (
    ROLE_PERMISSIONS,
    ApiKey,
    Project,
    ProjectUserObjectPermission,
    ResourceUserObjectPermission,
    Role,
    Tenant,
    User,
)
from apps.accounts.recent_proof import PROVED_AT
from apps.accounts.session_limits import BEGAN, SEEN
from apps.infrastructure.models import ComputeCluster, Host, Region, StorageCluster
from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Resource, State
from apps.quotas.services import create_quotas

#: The password of every user made here.
PASSWORD = "correct-horse-battery-staple"

_numbers = count(1)


def make_tenant(name: str = "", **quota: int) -> Tenant:
    """Make a tenant with its default project and quotas; `quota` overrides limits: make_tenant(vm=2)."""
    tenant = Tenant.objects.create(name=name or f"tenant-{next(_numbers)}")
    Project.objects.create(tenant=tenant, name="default", is_default=True)
    create_quotas(tenant, quota)
    return tenant


def make_project(tenant: Tenant, name: str = "") -> Project:
    """Make a further project of a tenant."""
    return Project.objects.create(tenant=tenant, name=name or f"project-{next(_numbers)}")


def default_project(tenant: Tenant) -> Project:
    """Return the tenant's default project."""
    return Project.objects.get(tenant=tenant, is_default=True)


def make_owner(tenant: Tenant, username: str = "") -> User:
    """Make a tenant's primary account."""
    return _user(username, tenant=tenant, is_tenant_owner=True)


def make_member(tenant: Tenant, role: Role, username: str = "", project: Project | None = None) -> User:
    """Make a sub-account with a role in one project (the default one)."""
    user = _user(username, tenant=tenant)
    grant(user, role, project or default_project(tenant))
    return user


def make_admin(username: str = "") -> User:
    """Make a platform admin."""
    return _user(username, is_platform_admin=True)


def grant(user: User, role: Role, project: Project) -> None:
    """Give a member a role in a further project."""
    codenames = ROLE_PERMISSIONS[role]
    for permission in Permission.objects.filter(
        content_type__app_label="tenancy", content_type__model="project", codename__in=codenames
    ):
        ProjectUserObjectPermission.objects.create(user=user, permission=permission, content_object=project)


def grant_resource(user: User, role: Role, resource: Resource) -> UUID:
    """Give a member a role on one resource; return the key of that role."""
    permissions = Permission.objects.filter(
        content_type__app_label="lifecycle",
        content_type__model="resource",
        codename__in=ROLE_PERMISSIONS[role],
    )
    given = ResourceUserObjectPermission.objects.bulk_create(
        ResourceUserObjectPermission(user=user, permission=permission, content_object_id=resource.pk)
        for permission in permissions
    )
    key: UUID = next(each.uid for each in given if each.permission.codename == "view_resources")
    return key


def make_member_of_nothing(tenant: Tenant, username: str = "") -> User:
    """Make a sub-account without a role in any project."""
    return _user(username, tenant=tenant)


def actor_for_user(user: User, tenant: Tenant | None = None) -> Actor:
    """Return who the user is when asking; `tenant` is the one an admin acts as."""
    return Actor(user=user, tenant=tenant or user.tenant, ip="192.0.2.7", request_id="test-request")


def api_token(user: User, scope: str = ApiKey.Scope.WRITE) -> str:
    """Return the token of a fresh API key of the user."""
    return issue_key(user, f"key-{next(_numbers)}", scope, None)[1]


def api_client(
    user: User | None = None, scope: str = ApiKey.Scope.WRITE, *, token: str | None = None
) -> APIClient:
    """Return a client of the API with this token, else a fresh key of the user; anonymous without both."""
    client = APIClient()
    if token or user is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token or api_token(user, scope)}")
    return client


def session_client(user: User) -> APIClient:
    """Return a client of the API in a session of the user that has proved a moment ago who it is."""
    client = APIClient()
    client.cookies["sessionid"] = page_client(user).cookies["sessionid"].value
    return client


def page_client(user: User | None = None) -> Client:
    """Return a browser's stand-in, logged in as the user; anonymous without one."""
    client = Client()
    if user is not None:
        client.force_login(user, backend="apps.accounts.auth_backend.AccountBackend")
        session = client.session
        # As a login and the first click leave it, so that not every test saves the session once more.
        session[PROVED_AT] = session[BEGAN] = session[SEEN] = time.time()
        session.save()
    return client


def acting_client(admin: User, tenant: Tenant) -> Client:
    """Return a browser's stand-in in which an administrator acts as the tenant."""
    client = page_client(admin)
    session = client.session
    start_acting(session, tenant, "asked for help")
    session.save()
    return client


def make_region(name: str = "", **columns: object) -> Region:
    """Make a region on the in-memory fabric, open to tenants."""
    name = name or f"region-{next(_numbers)}"
    given = {"label": name.title(), "fabric_driver": "memory", "open_to_tenants": True, **columns}
    return Region.objects.create(name=name, **given)


def make_cluster(region: Region, name: str = "", **columns: object) -> ComputeCluster:
    """Make a compute cluster open to all tenants."""
    return ComputeCluster.objects.create(region=region, name=name or f"cluster-{next(_numbers)}", **columns)


def make_storage(region: Region, name: str = "", **columns: object) -> StorageCluster:
    """Make a storage cluster on the in-memory driver, open to all tenants."""
    given = {
        "driver": "memory",
        "path": "/srv/pool",
        "capacity_bytes": 2**43,
        "observed_at": timezone.now(),
        **columns,
    }
    return StorageCluster.objects.create(region=region, name=name or f"storage-{next(_numbers)}", **given)


def make_host(
    cluster: ComputeCluster, name: str = "", vcpus: int = 16, memory_gib: int = 64, **columns: object
) -> Host:
    """Make a simulated host that has reported just now and takes VMs."""
    given = {
        "kind": "host",
        "state": State.READY,
        "region": cluster.region,
        "driver": "memory",
        "architecture": cluster.architecture,
        "cpu_model": "Simulated",
        "vcpus": vcpus,
        "memory_mib": memory_gib * 1024,
        "vcpu_capacity": int(vcpus * cluster.cpu_overcommit),
        "memory_capacity_mib": memory_gib * 1024,
        "last_report_at": timezone.now(),
        **columns,
    }
    return Host.objects.create(cluster=cluster, name=name or f"host-{next(_numbers)}", **given)


def _user(username: str, **columns: object) -> User:
    return User.objects.create(username=username or f"user-{next(_numbers)}", password=_hashed(), **columns)


@cache
def _hashed() -> str:
    # Hashing takes a fifth of a second, on purpose; once a run is enough.
    return make_password(PASSWORD)
