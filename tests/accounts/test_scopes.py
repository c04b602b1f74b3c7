"""SE-2, AC-4: every verb has a class; each scope of an API key reaches the verbs that the documentation lists."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from django.conf import settings

from apps.accounts.models import ApiKey
from apps.accounts.scopes import SCOPES, reached_by_scope, reaches, scopes_of_child
from apps.lifecycle.verbs import Proof, Verb, VerbClass, all_verbs, declare
from tests.lifecycle.test_verb_table import PRETEND

pytestmark = pytest.mark.requirement("SE-2")

PAGE = Path(settings.BASE_DIR, "docs/concepts/accounts.md")
BEGIN, END = "<!-- verbs by scope: generated -->", "<!-- end -->"


def listed() -> str:
    """Return the table of the documentation."""
    names = reached_by_scope(verb for verb in all_verbs() if verb.name not in PRETEND)
    rows = [f"| `{scope}` | {_words(names[scope])} |" for scope in SCOPES]
    return "\n".join(
        ["| scope | verbs it adds |", "| --- | --- |", *rows, f"| no key | {_words(names[''])} |"]
    )


def _words(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none: reading follows the role"


@pytest.mark.requirement("AC-4")
def test_the_documentation_lists_the_verbs_that_each_scope_reaches() -> None:
    text = PAGE.read_text()
    written = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()
    assert written == listed(), f"replace the table in {PAGE.name} by:\n{listed()}"


def test_verbs_about_accounts_are_in_no_class_of_resources() -> None:
    kinds = {"member", "resource_role", "admin_user", "api_key", "account"}
    wrong = [v.name for v in all_verbs() if v.kind in kinds and v.verb_class is VerbClass.RESOURCE]
    assert wrong == []
    own = [v.name for v in all_verbs() if v.permission == "self" and v.verb_class is VerbClass.RESOURCE]
    assert own == [], "what everybody may do for oneself is about accounts"


def test_every_verb_about_accounts_needs_a_proof_or_says_why_not() -> None:
    about = [verb for verb in all_verbs() if verb.verb_class is VerbClass.ACCOUNTS]
    assert len(about) > 20
    assert [verb.name for verb in about if verb.proof is Proof.NONE and not verb.no_proof] == []
    for action in ("create", "activate", "reset_password", "reset_two_factor", "set_role", "set_owner"):
        gives = [v for v in about if v.action == action and v.kind in {"member", "admin_user", "tenant"}]
        assert gives and all(v.proof is Proof.FRESH for v in gives), action


def test_a_verb_about_accounts_cannot_be_declared_without_one() -> None:
    with pytest.raises(ValueError, match="needs a proof"):
        declare(Verb("sample.open", "Open", "Opening", verb_class=VerbClass.ACCOUNTS))


@pytest.mark.parametrize("scope", SCOPES)
def test_no_scope_reaches_the_own_account_or_what_needs_a_proof(scope: str) -> None:
    reached = [verb for verb in all_verbs() if reaches(scope, verb)]
    assert not [v.name for v in reached if v.verb_class is VerbClass.OWN_ACCOUNT or v.proof is Proof.FRESH]
    about = [verb.name for verb in reached if verb.verb_class is VerbClass.ACCOUNTS]
    assert bool(about) == (scope == ApiKey.Scope.ACCOUNTS)


def test_each_scope_reaches_what_the_narrower_ones_do() -> None:
    for narrow, wide in pairwise(SCOPES):
        assert {v.name for v in all_verbs() if reaches(narrow, v)} <= {
            v.name for v in all_verbs() if reaches(wide, v)
        }


def test_a_child_is_never_wider_and_never_for_accounts() -> None:
    assert [list(scopes_of_child(scope)) for scope in SCOPES] == [
        ["read"],
        ["read", "operate"],
        ["read", "operate", "write"],
        ["read", "operate", "write"],
    ]
