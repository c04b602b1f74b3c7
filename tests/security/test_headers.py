"""SE-5: what every page tells the browser not to do, and what cookies are allowed."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.urls import reverse

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
