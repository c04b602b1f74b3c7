"""SE-9: what identifies somebody is compared exactly, after ASCII lower case only: found by reading the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.accounts.models import User
from apps.lifecycle.errors import Invalid
from apps.tenancy.addresses import ascii_lower
from apps.tenancy.services.accounts import clean_email
from apps.tenancy.services.members import create_member
from apps.tenancy.services.profile import edit_profile
from tests.factories import actor_for_user, api_client

pytestmark = [pytest.mark.requirement("SE-9")]

ROOT = Path(__file__).resolve().parents[2]
#: Where accounts are found, made and logged in.
PLACES = ("apps/accounts", "apps/tenancy", "apps/api/authentication.py", "apps/audit", "scloud_console")
#: What maps letters of other scripts to ASCII ones, in Python, Django's look-ups and PostgreSQL.
FOLDS = re.compile(
    r"__i(?:exact|regex)\b|\.(?:lower|upper|casefold|title|swapcase)\(|\b(?:Lower|Upper)\("
    r"|unicodedata|citext|CIText|re\.I(?:GNORECASE)?\b|Collate\("
)
#: File → what it folds, and why that finds nobody.
HARMLESS = {
    "apps/tenancy/addresses.py": "the one place: PostgreSQL's C collation",
    "apps/accounts/models.py": "a constraint on names that are ASCII",
    "apps/accounts/migrations/0001_initial.py": "the same",
    "apps/accounts/password_rules.py": "words in a password",
    "apps/audit/middleware.py": "names of classes",
    "apps/accounts/single_line.py": "which kinds of characters a text holds",
    "apps/api/authentication.py": "the word Bearer",
    "scloud_console/handler.py": "names of headers",
}


def _files() -> list[Path]:
    found: list[Path] = []
    for place in PLACES:
        path = ROOT / place
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


def test_no_other_code_folds_letters_of_names_or_addresses() -> None:
    folding = {str(path.relative_to(ROOT)) for path in _files() if FOLDS.search(path.read_text())}
    assert folding <= set(HARMLESS), folding - set(HARMLESS)


@pytest.mark.parametrize("code", ["email__iexact=x", "name.lower()", 'Upper("email")', "name.casefold()"])
def test_code_that_does_would_be_found(code: str) -> None:
    assert FOLDS.search(code)


#: U+017F and U+212A become s and k in upper or lower case; the others only look alike.
STRANGE = ["chri\u017f", "\u212aim", "\u0430lice", "\uff41lice", "al\u0131ce", "alice\u200b", "a\u0308lice"]


@pytest.mark.parametrize("name", STRANGE)
def test_ascii_lower_case_makes_no_letter_ascii(name: str) -> None:
    assert not ascii_lower(name).isascii() and ascii_lower("ALICE@Acme") == "alice@acme"


@pytest.mark.django_db
@pytest.mark.parametrize("name", STRANGE)
def test_no_account_is_made_with_such_a_name_or_address(alice: User, name: str) -> None:
    assert alice.tenant is not None
    with pytest.raises(Invalid):
        create_member(actor_for_user(alice), alice.tenant, name)
    for address in (f"{name}@acme.example", f"kim@{name}.example"):
        with pytest.raises(Invalid):
            clean_email(address)
        with pytest.raises(Invalid):
            edit_profile(actor_for_user(alice), email=address)
        sent = {"username": "kim", "email": address}
        assert api_client(alice).post("/api/v1/members", sent, format="json").status_code in (400, 403, 422)
    assert set(User.objects.values_list("username", flat=True)) == {"alice"}
