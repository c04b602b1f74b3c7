"""What other apps do for every new account, in the transaction that creates it.

Quotas and networks stand above tenancy in the layers, so tenancy cannot call them. They register here, each in its own
`AppConfig.ready()`, and are called in the order of INSTALLED_APPS: quotas exist before the default network takes some.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.lifecycle.actor import Actor
from apps.tenancy.models import Project

#: Called with the default project of a new tenant, and with the own project of a new sub-account. May raise Refused.
Welcome = Callable[[Actor, Project], None]

_welcomes: list[Welcome] = []


def on_new_account(welcome: Welcome) -> None:
    """Have `welcome` called for every new account."""
    _welcomes.append(welcome)


def welcome_newcomer(actor: Actor, project: Project) -> None:
    """Call all that registered."""
    for welcome in _welcomes:
        welcome(actor, project)
