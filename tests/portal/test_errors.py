"""Every error has a cause, a code, the request's id and a next step, on pages and in the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.compute.models import Vm
from apps.lifecycle.actor import Actor
from apps.network.models import Subnet
from tests import factories
from tests.compute.factories import Cloud, make_vm

ROOT = Path(__file__).resolve().parents[2]
# A process whose database and Redis do not answer. Nobody waits long for a connection there.
NO_SERVICES = """
import django
django.setup()
from django.conf import settings
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
settings.DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 0.5
from django.test import Client
import json
client = Client(raise_request_exception=False)
client.cookies[settings.SESSION_COOKIE_NAME] = "a" * 32
page, api = client.get("/vms/"), client.get("/api/v1/vms", HTTP_AUTHORIZATION="Bearer sk_abc_def")
print(json.dumps({
    "page": [page.status_code, page.content.decode(), page["Retry-After"], page["X-Request-Id"]],
    "api": [api.status_code, api.json(), api["Content-Type"]],
}))
"""


@pytest.fixture
def vm(owner: Actor, cloud: Cloud, subnet: Subnet) -> Vm:
    return make_vm(owner, cloud, subnet)


@pytest.mark.requirement("OP-4")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", "/no-such-page/", 404, "not_found"),
        ("get", "/vms/00000000-0000-4000-8000-000000000000/", 404, "not_found"),
        ("post", "/vms/{vm}/start/", 409, "state.not_allowed"),
        ("get", "/admin/hosts/", 404, "not_found"),
    ],
)
def test_a_page_that_is_turned_away_says_why_and_what_next(
    vm: Vm, alice: User, method: str, path: str, status: int, code: str
) -> None:
    answer = getattr(factories.page_client(alice), method)(path.format(vm=vm.pk))
    html = answer.content.decode()
    assert answer.status_code == status
    assert (code in html, answer["X-Request-Id"] in html, "data-back" in html) == (True, True, True)
    assert 'class="side' in html, "it is not in the portal's look"


@pytest.mark.requirement("OP-4")
def test_a_form_without_its_token_says_what_to_do(vm: Vm, alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = "x" * 32
    html = client.post(f"/vms/{vm.pk}/shut-down/").content.decode()
    assert ("csrf" in html, "The form has expired" in html, "reload the page" in html) == (True, True, True)


@pytest.mark.requirement("OP-4")
def test_a_bug_is_told_with_the_requests_id(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    client = factories.page_client(alice)
    client.raise_request_exception = False

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("apps.portal.search_pages.search.resources", broken)
    answer = client.get("/search/?q=x")
    html = answer.content.decode()
    assert answer.status_code == 500
    assert ("platform.bug" in html, answer["X-Request-Id"] in html, "a bug" in html) == (True, True, False)
    api = factories.api_client(alice)
    api.raise_request_exception = False
    body = api.get("/api/v1/search?q=x").json()
    assert (body["code"], bool(body["hint"]), bool(body["request_id"])) == ("platform.bug", True, True)


@pytest.mark.requirement("OP-4")
def test_the_apis_errors_all_have_code_hint_and_request_id(vm: Vm, alice: User) -> None:
    api = factories.api_client(alice)
    answers = [
        factories.api_client().get("/api/v1/vms"),
        api.get("/api/v1/nothing-here"),
        api.get("/api/v1/vms/00000000-0000-4000-8000-000000000000"),
        api.put("/api/v1/vms", {}, format="json"),
        api.post("/api/v1/vms", "{", content_type="application/json"),
        api.post("/api/v1/vms", {}, format="json"),
        api.post("/api/v1/vms", "a=b", content_type="application/x-www-form-urlencoded"),
        factories.api_client(alice, "read").post(f"/api/v1/vms/{vm.pk}/shut-down"),
    ]
    for answer in answers:
        body = answer.json()
        assert answer["Content-Type"] == "application/problem+json"
        assert body["code"] and body["title"] and body["request_id"] == answer["X-Request-Id"], body
        assert "hint" in body, body
    assert [answer.status_code for answer in answers] == [401, 404, 404, 405, 400, 400, 415, 403]


@pytest.mark.requirement("OP-4")
def test_without_database_pages_and_api_say_that_the_platform_is_out_of_order() -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "scloud_console.settings",
        "SCLOUD_NO_ENV_FILE": "1",
        "SCLOUD_SECRET_KEY": "only-for-this-test",
        "SCLOUD_HOSTS": "testserver",
        "SCLOUD_DEBUG": "",
        "SCLOUD_STATIC_ROOT": "/nonexistent",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    environment.pop("PYTEST_CURRENT_TEST", None)
    done = subprocess.run(
        [sys.executable, "-c", NO_SERVICES],
        check=False,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    status, html, retry_after, request_id = told["page"]
    assert (status, retry_after) == (503, "10")
    assert ("platform.unavailable" in html, request_id in html, "Retry in a minute." in html) == (True,) * 3
    status, body, kind = told["api"]
    assert (status, body["code"], kind) == (503, "platform.unavailable", "application/problem+json")
    assert body["hint"] and body["request_id"]
