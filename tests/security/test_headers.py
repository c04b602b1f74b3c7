"""SE-5: what cookies are allowed, and headers of answers that stand in no table. Of those that do: observers.py."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from tests.factories import PASSWORD
from tests.security.world import World

pytestmark = pytest.mark.requirement("SE-5")


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
