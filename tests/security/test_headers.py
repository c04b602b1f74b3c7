"""SE-5: what every page tells the browser not to do, and what cookies are allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.urls import reverse

from scloud_console.headers import PERMISSIONS
from tests.factories import PASSWORD
from tests.security.answers import TABLE
from tests.security.routes import Route, all_routes
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-5")

PAGES = [
    route for route in all_routes() if f"{route.name} GET" in TABLE and not route.name.startswith("api:")
]
UNSAFE = re.compile(
    rb"<script(?![^>]*(\bsrc=|type=.application/json))|\son[a-z]+=|\sstyle=|javascript:|<base\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("route", PAGES, ids=lambda route: route.name)
def test_every_page_forbids_what_is_not_its_own(route: Route, world: World) -> None:
    browser = world.browser("ada" if route.area == "admin" else "alice")
    url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
    response = browser.get(url)
    policy = dict(
        (part.split()[0], part.split()[1:])
        for part in response["Content-Security-Policy"].split(";")
        if part.strip()
    )
    assert policy["default-src"] == ["'self'"]
    assert "unsafe" not in response["Content-Security-Policy"]
    for directive in ("frame-ancestors", "base-uri", "object-src"):
        assert policy[directive] == ["'none'"], directive
    assert policy["form-action"] == ["'self'"]
    assert policy.get("script-src", ["'self'"]) == ["'self'"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    found = UNSAFE.search(response.content)
    assert found is None, response.content[found.start() - 80 : found.end() + 80]


#: Whose answers are the same for everybody and may be kept.
PUBLIC = {"api:schema"}
ANSWERED = [route for route in all_routes() if f"{route.name} GET" in TABLE]
ON_EVERYTHING = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS,
}


@pytest.mark.parametrize("role", ["nobody", "vera", "alice", "ada"])
def test_every_answer_has_every_header_and_is_kept_nowhere(role: str, world: World) -> None:
    wrong = []
    for route in ANSWERED:
        url = reverse(route.name, kwargs={"key": world.keys[route.segment]} if route.takes_key else None)
        api = route.area == "api" and route.name != "api:docs"
        client: Any = world.program(role) if api else world.browser(role)
        with transaction.atomic():
            response = client.get(url)
            transaction.set_rollback(True)
        kept = "public, max-age=300" if route.name in PUBLIC else "no-store"
        said = {
            **{name: response.get(name) for name in ON_EVERYTHING},
            "Cache-Control": response["Cache-Control"],
        }
        if kept not in said.pop("Cache-Control") or said != ON_EVERYTHING:
            wrong.append((route.name, response.status_code, response["Cache-Control"], said))
        assert "Content-Security-Policy" in response, route.name
    assert wrong == []


def test_what_is_refused_is_kept_nowhere_either(world: World) -> None:
    for path in ("/no-such-page/", "/api/v1/no-such-thing", "/vms/00000000-0000-4000-8000-000000000000/"):
        response = world.browser("alice").get(path)
        assert (response.status_code, response["Cache-Control"]) == (404, "no-store"), path


def test_static_files_may_be_kept(world: World) -> None:
    response = world.browser("nobody").get("/static/css/tokens.css")
    assert response.status_code == 200 and "max-age" in response["Cache-Control"]
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"


def test_cookies_are_out_of_reach_for_scripts_and_other_sites(world: World) -> None:
    with transaction.atomic():
        answer = world.browser("nobody").post("/login/", {"username": "bob", "password": PASSWORD})
        transaction.set_rollback(True)
    session = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert session["httponly"] and session["samesite"] == "Lax"
    assert answer.cookies[settings.CSRF_COOKIE_NAME]["samesite"] == "Lax"


def test_with_https_cookies_are_for_https_only() -> None:
    says = (
        "from scloud_console import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS > 0)"
    )
    environment = {**os.environ, "SCLOUD_HTTPS": "1", "SCLOUD_NO_ENV_FILE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", says], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["True"] * 4


@override_settings(ALLOWED_HOSTS=["cloud.example"])
def test_a_request_for_another_host_name_is_turned_away(world: World) -> None:
    assert world.browser("alice").get("/", headers={"host": "evil.example"}).status_code == 400
