"""Endpoints of accounts, by noun."""

from apps.tenancy.api.account import AccountPassword
from apps.tenancy.api.admins import AdminsApi
from apps.tenancy.api.keys import ApiKeysApi
from apps.tenancy.api.members import MembersApi
from apps.tenancy.api.projects import ProjectsApi
from apps.tenancy.api.resource_roles import ResourceRolesApi
from apps.tenancy.api.tenants import TenantsApi

__all__ = [
    "AccountPassword",
    "AdminsApi",
    "ApiKeysApi",
    "MembersApi",
    "ProjectsApi",
    "ResourceRolesApi",
    "TenantsApi",
]
