"""The command that makes the first administrator."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from tests.factories import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]


def _piped(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    call_command("create_admin", stdout=io.StringIO())


def test_name_and_password_are_read_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    _piped(monkeypatch, f"root\n{PASSWORD}\n")
    user = User.objects.get(username="root")
    assert user.is_platform_admin and user.check_password(PASSWORD) and not user.must_change_password
    assert AuditEntry.objects.get(verb="admin_user.create").actor_name == "platform"


@pytest.mark.parametrize("text", ["", "root\n", "root\nshort\n", f"a b\n{PASSWORD}\n"])
def test_what_is_missing_or_weak_makes_nobody(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(CommandError):
        _piped(monkeypatch, text)
    assert not User.objects.exists()
