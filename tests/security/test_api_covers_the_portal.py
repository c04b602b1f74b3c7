"""AC-4: whatever a page can do, the documented API can do."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.openapi import committed
from tests.security.answers import ADMIN, PAGES
from tests.security.routes import all_routes

pytestmark = pytest.mark.requirement("AC-4")

#: Page actions whose endpoint has another name than the action.
ELSEWHERE = {
    "account": ("patch", "/api/v1/me"),
    "account.security": ("post", "/api/v1/account/password"),
    "account.preferences": ("patch", "/api/v1/me"),
    "language": ("patch", "/api/v1/me"),
    "quota.set": ("patch", "/api/v1/tenants/{key}/quotas"),
    "settings": ("patch", "/api/v1/settings"),
    "vpc_range.list": ("put", "/api/v1/vpc-ranges"),
    "security_group.rules": ("post", "/api/v1/security-groups/{key}/set-rules"),
    "host.renew_key": ("post", "/api/v1/hosts/{key}/renew"),
}
#: A browser's session has no meaning for programs, and what a browser logs in with is none of theirs: a stolen key must
#: not be enough to take an account over. How lists look in a browser means nothing to a program either.
BROWSER_ONLY = {
    "list_settings",
    "saved_views",
    "login",
    "login.second",
    "login.passkey",
    "login.passkey_options",
    "logout",
    "tenant.act_as",
    "stop_acting",
    *(f"account.{name}" for name in ("app", "app_remove", "recovery_codes")),
    *(f"account.{name}" for name in ("passkey", "passkey_options", "passkey_remove")),
    *(f"account.{name}" for name in ("session_end", "sessions_end", "link", "unlink")),
    *(f"account.{name}" for name in ("confirm", "confirm_passkey", "confirm_options")),
}
#: HTTP has words of its own for these.
METHODS = {
    "rename": "patch",
    "edit": "patch",
    "change": "patch",
    "delete": "delete",
    "remove": "delete",
    "revoke": "delete",
}


def _endpoint(name: str) -> tuple[str, str]:
    """Return method and path of the endpoint that does what the page's POST does."""
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    segment = next(r.segment for r in all_routes() if r.name.split(":")[1] == name and r.area != "api")
    action = name.rpartition(".")[2]
    if action == "create":
        return "post", f"/api/v1/{segment}"
    if action == "bulk":
        return "post", f"/api/v1/{segment}/bulk"
    if action in METHODS:
        return METHODS[action], f"/api/v1/{segment}/{{key}}"
    return "post", f"/api/v1/{segment}/{{key}}/{action.replace('_', '-')}"


def test_every_action_of_a_page_is_in_the_schema() -> None:
    schema = committed()
    posts = {row.split(":")[1].removesuffix(" POST") for row in (*PAGES, *ADMIN) if row.endswith(" POST")}
    missing = [
        f"{name}: {method.upper()} {path}"
        for name in sorted(posts - BROWSER_ONLY)
        for method, path in [_endpoint(name)]
        if method not in schema["paths"].get(path, {})
    ]
    assert missing == []


def test_the_schema_is_where_programs_look_for_it(client: Any, db: None) -> None:
    assert client.get(reverse("api:schema")).content.startswith(b"openapi: 3.1")
