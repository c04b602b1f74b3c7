"""Changing one's own password."""

from __future__ import annotations

import time

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client, override_settings

from apps.accounts.models import User
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden, Invalid
from apps.tenancy.services.accounts import check_password_strength, generate_password
from apps.tenancy.services.passwords import change_own_password
from scloud_console import settings as product
from tests.factories import PASSWORD, actor_for_user, page_client

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("AC-1")]
NEW = "a-quite-different-one"


def test_a_new_password_ends_all_sessions_made_with_the_old_one(alice: User) -> None:
    elsewhere = page_client(alice)
    User.objects.update(must_change_password=True)
    change_own_password(actor_for_user(alice), PASSWORD, NEW)
    alice.refresh_from_db()
    assert alice.check_password(NEW) and not alice.must_change_password
    assert elsewhere.get("/api/v1/me").status_code == 401


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("wrong", NEW, "current"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "1234", "new"),
        (PASSWORD, "password123", "new"),
    ],
)
def test_a_bad_try_names_its_field_and_changes_nothing(
    alice: User, current: str, new: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        change_own_password(actor_for_user(alice), current, new)
    assert list(refused.value.fields) == [field]
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_nobody_has_no_password_to_change(db: None) -> None:
    with pytest.raises(Forbidden):
        change_own_password(Actor(user=None), PASSWORD, NEW)


@pytest.mark.requirement("SE-2", "SE-9")
@pytest.mark.parametrize(
    "weak",
    [
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "abcabcabcabcabc",
        "1234567890123456",
        "qwertyuiopasdfgh",
        "zyxwvutsrqponmlk",
        "passwordpassword",
        "Password1234!",
        "P@ssw0rd2026!!",
        "iloveyou123456",
        "!!sunshine2026!!",
        "letmeinletmein",
        "alice-alice-1",
        "alice20261234",
        "acmeacmeacme",
        "scloudstack1",
        "Qwertyuiop123",
        "111111111111a",
        "football-2026",
    ],
)
def test_weak_passwords_are_refused_whatever_their_length(alice: User, weak: str) -> None:
    with pytest.raises(Invalid) as refused:
        change_own_password(actor_for_user(alice), PASSWORD, weak)
    assert list(refused.value.fields) == ["new"]


@pytest.mark.requirement("SE-2")
@pytest.mark.parametrize(
    "good",
    [
        "correct-horse-battery",
        "tVq8-Lm2x-Rz",
        "грустный-ёж-поёт",
        "我喜欢在早上喝三杯绿茶",
        "malicious-olive-penguin",
        "k7#Pd!w9Zq",
    ],
)
def test_good_passwords_of_any_script_are_taken(alice: User, good: str) -> None:
    change_own_password(actor_for_user(alice), PASSWORD, good)
    alice.refresh_from_db()
    assert alice.check_password(good)


@pytest.mark.requirement("SE-2")
def test_long_passwords_are_taken_up_to_their_limit(alice: User) -> None:
    longest = ("correct horse battery staple, " * 5)[:127] + "!"
    change_own_password(actor_for_user(alice), PASSWORD, longest)
    alice.refresh_from_db()
    assert alice.check_password(longest) and not alice.check_password(longest[:-1])
    with pytest.raises(Invalid):
        change_own_password(actor_for_user(alice), longest, longest + "?")


def test_generated_passwords_pass_the_rules(alice: User) -> None:
    for _ in range(300):
        check_password_strength(generate_password(), alice)


@pytest.mark.requirement("SE-8")
def test_a_huge_password_costs_no_more_than_a_long_one(alice: User) -> None:
    began = time.process_time()
    with pytest.raises(Invalid):
        change_own_password(actor_for_user(alice), PASSWORD, "ab" * 1_000_000)
    assert time.process_time() - began < 0.5


@pytest.mark.requirement("SE-9")
def test_hashes_of_the_product_are_scrypt_and_older_ones_are_renewed_at_log_in(alice: User) -> None:
    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        assert make_password(NEW).startswith("scrypt$")
        User.objects.filter(pk=alice.pk).update(password=make_password(NEW, hasher="pbkdf2_sha256"))
        client = Client()
        assert client.post("/login/", {"username": "alice", "password": NEW}).status_code == 302
        alice.refresh_from_db()
        assert alice.password.startswith("scrypt$") and client.get("/api/v1/me").status_code == 200


@pytest.mark.requirement("SE-9")
def test_confirming_with_an_older_hash_ends_no_session(alice: User) -> None:
    with override_settings(PASSWORD_HASHERS=product.PASSWORD_HASHERS):
        User.objects.filter(pk=alice.pk).update(password=make_password(NEW, hasher="pbkdf2_sha256"))
        alice.refresh_from_db()
        client = page_client(alice)
        assert client.post("/account/confirm/", {"password": NEW}).status_code == 302
        assert client.get("/api/v1/me").status_code == 200
