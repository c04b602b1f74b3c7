"""Which verbs have an endpoint: `allowed_actions` names no other.

Some verbs are carried out by the platform itself or through another kind's paths (repairs, through findings).
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from apps.lifecycle.verbs import Verb

_offered: set[str] = set()


def offer(*verbs: Verb) -> None:
    """Note that a path carries out these verbs; called where the path is made."""
    _offered.update(verb.name for verb in verbs)


@cache
def offered() -> frozenset[str]:
    """Return the names of all verbs that have an endpoint."""
    import_module("apps.api.urls")
    return frozenset(_offered)
