"""The providers somebody may log in with, from the TOML file that SCLOUD_OIDC_FILE names.

[corp]                                  # the key: stands in URLs and in links to accounts; never reuse it
label = "Acme single sign-on"
issuer = "https://sso.acme.example"
client_id = "scloud"
client_secret_file = "/etc/scloud/oidc-corp"
tenant = "acme"                         # or: administrators = true
link_by_email = true                    # accounts that exist are found by verified email; else they link it themselves
new_users = true                        # else only accounts that exist
role = "viewer"                         # of new users, in the tenant's default project
trusted_second_factor = true            # the provider asks for one, so we do not
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.accounts.models import Role, User

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FIELDS = {
    "label",
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "tenant",
    "administrators",
    "link_by_email",
    "new_users",
    "role",
    "trusted_second_factor",
}
_FLAGS = {"administrators", "link_by_email", "new_users", "trusted_second_factor"}


@dataclass(frozen=True)
class Provider:
    """Whose accounts it may log in: those of one tenant, or the administrators'."""

    key: str
    label: str
    issuer: str
    client_id: str
    client_secret: str
    tenant: str = ""
    administrators: bool = False
    link_by_email: bool = False
    new_users: bool = False
    role: str = Role.VIEWER
    trusted_second_factor: bool = False

    def is_for(self, user: User) -> bool:
        """Whether it may log in this user."""
        if self.administrators:
            return user.is_platform_admin
        return user.tenant is not None and user.tenant.name == self.tenant


def providers() -> list[Provider]:
    """Return them in the file's order. Raises ImproperlyConfigured, at the start of every process."""
    return _read(settings.OIDC_FILE) if settings.OIDC_FILE else []


def provider_named(key: str) -> Provider | None:
    """Return one by its key."""
    return next((each for each in providers() if each.key == key), None)


def is_safe_url(url: str) -> bool:
    """Whether secrets may be sent there: https, or this machine itself."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or ""))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def _read(path: str) -> list[Provider]:
    try:
        tables = tomllib.loads(Path(path).read_text())
        return [_provider(key, dict(table)) for key, table in tables.items()]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ImproperlyConfigured(f"SCLOUD_OIDC_FILE={path}: {error}") from error


def _ensure_flags(key: str, table: dict[str, Any]) -> None:
    for name in _FLAGS & table.keys():
        if not isinstance(table[name], bool):
            raise ValueError(f"[{key}]: {name} must be true or false")


def _provider(key: str, table: dict[str, Any]) -> Provider:
    unknown = table.keys() - _FIELDS
    if unknown or not _KEY.fullmatch(key):
        raise ValueError(f"[{key}]: {'unknown: ' + ', '.join(sorted(unknown)) if unknown else 'no such key'}")
    if secret_file := table.pop("client_secret_file", ""):
        table["client_secret"] = Path(secret_file).read_text().strip()
    missing = {"label", "issuer", "client_id", "client_secret"} - table.keys()
    if missing:
        raise ValueError(f"[{key}]: missing: {', '.join(sorted(missing))}")
    _ensure_flags(key, table)
    provider = Provider(key=key, **table | {"issuer": str(table["issuer"]).rstrip("/")})
    if not is_safe_url(provider.issuer):
        raise ValueError(f"[{key}]: the issuer must be an https address")
    if bool(provider.tenant) == provider.administrators:
        raise ValueError(f"[{key}]: name a tenant, or set administrators = true")
    if provider.role not in Role.values or (provider.new_users and provider.administrators):
        raise ValueError(f"[{key}]: new users need a tenant and one of the roles {', '.join(Role.values)}")
    return provider
