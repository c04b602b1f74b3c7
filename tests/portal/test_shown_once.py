"""Secrets that are shown once: said so plainly, with a button to copy and one to download, and kept by no cache."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from apps.accounts.models import ApiKey, User
from apps.tenancy.factors.codes import keep_app, new_secret
from tests.compute.factories import Cloud
from tests.factories import default_project, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("UX-13")]


def offered(answer: Any) -> tuple[str, str]:
    """Return the secret that the page offers to copy and to download, and the name of the file."""
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "Shown only once" in html
    saved = re.search(r'data-save="([^"]*)" data-file="([^"]*)"', html)
    assert saved is not None
    assert f'data-copy="{saved.group(1)}"' in html
    return unescape(saved.group(1)), saved.group(2)


def test_an_api_key(alice: User) -> None:
    secret, file = offered(
        page_client(alice).post("/api-keys/create/", {"name": "CI builds", "scope": "read", "days": ""})
    )
    assert secret.startswith(f"sk_{ApiKey.objects.get().prefix}_")
    assert file == "ci-builds-api-key.txt"


def test_a_members_first_password_and_a_new_one(alice: User) -> None:
    client = page_client(alice)
    sent = {"username": "temp", "role": "viewer"}
    first, file = offered(client.post("/members/create/", sent))
    member = User.objects.get(username="temp")
    assert member.check_password(first) and file == "temp-password.txt"
    second, _file = offered(client.post(f"/members/{member.uid}/reset-password/"))
    member.refresh_from_db()
    assert member.check_password(second)


def test_a_private_key(alice: User, cloud: Cloud) -> None:
    assert alice.tenant is not None
    sent = {"name": "laptop", "project": default_project(alice.tenant).uid}
    secret, file = offered(page_client(alice).post("/key-pairs/create/", sent))
    assert secret.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert file == "laptop.pem"


def test_the_settings_of_a_hosts_agent(ada: User, cloud: Cloud) -> None:
    sent = {"cluster": cloud.cluster.pk, "name": "new-1", "address": "192.0.2.9"}
    secret, file = offered(page_client(ada).post("/admin/hosts/create/", sent))
    assert "new-1" in secret
    assert file == "agent.toml"


def test_recovery_codes(alice: User) -> None:
    keep_app(alice, new_secret(), 0)
    secret, file = offered(page_client(alice).post("/account/security/recovery-codes/"))
    assert len(secret.splitlines()) == 10
    assert file == "scloudstack-recovery-codes.txt"
