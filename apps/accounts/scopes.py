"""What an API key reaches: its scope, and the class of the verb, decide.

docs/concepts/accounts.md lists it; `tests/accounts/test_scopes.py` keeps that list current.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.accounts.models import ApiKey
from apps.lifecycle.verbs import Proof, Verb, VerbClass

#: From the narrowest to the widest.
SCOPES: Sequence[str] = tuple(ApiKey.Scope.values)
#: Permissions of verbs on resources that these scopes cover; the wider ones cover all of them.
_COVERED: dict[str, frozenset[str]] = {
    ApiKey.Scope.READ: frozenset({"view"}),
    ApiKey.Scope.OPERATE: frozenset({"view", "operate"}),
}


def reaches(scope: str, verb: Verb) -> bool:
    """Whether a key of this scope reaches the verb; what its user's role allows is another matter.

    No key reaches what a person does about the own account, nor what needs a fresh proof: a key proves nothing.
    """
    if verb.verb_class is VerbClass.OWN_ACCOUNT or verb.proof is Proof.FRESH:
        return False
    if verb.verb_class is VerbClass.ACCOUNTS:
        return scope == ApiKey.Scope.ACCOUNTS
    covered = _COVERED.get(scope)
    return covered is None or verb.permission in covered


def narrowest(verb: Verb) -> str:
    """Return the narrowest scope that reaches the verb; "" when none does."""
    return next((scope for scope in SCOPES if reaches(scope, verb)), "")


def scopes_of_child(parent: str) -> Sequence[str]:
    """Return the scopes that a key made with another key may have: not wider, and never `accounts`.

    Only a person gives that scope.
    """
    within = SCOPES[: SCOPES.index(parent) + 1]
    return tuple(scope for scope in within if scope != ApiKey.Scope.ACCOUNTS)


def reached_by_scope(verbs: Iterable[Verb]) -> dict[str, list[str]]:
    """Return the names of verbs by the narrowest scope that reaches them, "" for those that no key reaches."""
    found: dict[str, list[str]] = {scope: [] for scope in (*SCOPES, "")}
    for verb in verbs:
        found[narrowest(verb)].append(verb.name)
    return {scope: sorted(names) for scope, names in found.items()}
