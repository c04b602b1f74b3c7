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
    "compute_cluster.set_balancing": ("patch", "/api/v1/compute-clusters/{key}/balancing"),
    "compute_cluster.rebalance": ("post", "/api/v1/rebalancings"),
    "compute_cluster.rebalance_cancel": ("post", "/api/v1/rebalancings/{key}/cancel"),
    "vpc_range.list": ("put", "/api/v1/vpc-ranges"),
    "security_group.rules": ("post", "/api/v1/security-groups/{key}/set-rules"),
    "vm_template.version": ("post", "/api/v1/vm-templates/{key}/save-version"),
    "saved_views": ("post", "/api/v1/saved-views"),
    "account.session_end": ("delete", "/api/v1/sessions/{key}"),
    "account.sessions_end": ("post", "/api/v1/sessions/end-others"),
    "account.app_remove": ("delete", "/api/v1/factors/app"),
    "account.passkey_remove": ("delete", "/api/v1/factors/passkeys/{key}"),
    "host.renew_key": ("post", "/api/v1/hosts/{key}/renew"),
}
#: What a page does and the API does not, each with the reason.
_LOGS_IN = "logs a browser in: a program has a key"
_IN_PERSON = "needs the browser or telephone that holds the factor"
_PROOF = "proves who sits at the browser: no key ever does"
BROWSER_ONLY = {
    "list_settings": "how a list looks in a browser",
    "login": _LOGS_IN,
    "login.second": _LOGS_IN,
    "login.passkey": _LOGS_IN,
    "login.passkey_options": _LOGS_IN,
    "logout": _LOGS_IN,
    "tenant.act_as": "changes what a browser's session shows",
    "stop_acting": "changes what a browser's session shows",
    "account.app": _IN_PERSON,
    "account.passkey": _IN_PERSON,
    "account.passkey_options": _IN_PERSON,
    "account.recovery_codes": "shows what opens the account",
    "account.link": _LOGS_IN,
    "account.unlink": "goes with linking, which is done in a browser",
    "account.confirm": _PROOF,
    "account.confirm_passkey": _PROOF,
    "account.confirm_options": _PROOF,
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
        for name in sorted(posts - BROWSER_ONLY.keys())
        for method, path in [_endpoint(name)]
        if method not in schema["paths"].get(path, {})
    ]
    assert missing == []


def test_what_the_api_leaves_to_browsers_is_there_to_be_left() -> None:
    posts = {row.split(":")[1].removesuffix(" POST") for row in (*PAGES, *ADMIN) if row.endswith(" POST")}
    assert sorted(BROWSER_ONLY.keys() - posts) == []


def test_what_a_page_shows_of_a_resource_or_an_account_is_in_the_schema() -> None:
    paths = committed()["paths"]
    for path in (
        "/api/v1/resources/{key}/timeline",
        "/api/v1/sessions",
        "/api/v1/factors",
        "/api/v1/saved-views",
    ):
        assert "get" in paths[path]


def test_the_schema_is_where_programs_look_for_it(client: Any, db: None) -> None:
    assert client.get(reverse("api:schema")).content.startswith(b"openapi: 3.1")
