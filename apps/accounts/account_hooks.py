"""What other apps do for every new account, in the transaction that creates it.

Quotas and networks stand above tenancy in the layers, so tenancy cannot call them. They fill this slot, each in its own
`slots.py`, and are called in the order of INSTALLED_APPS: quotas exist before the default network takes some.
"""

from __future__ import annotations

from collections.abc import Callable

from apps.accounts.models import Project
from apps.lifecycle.actor import Actor
from apps.lifecycle.slots import Slot

#: Called with the default project of a new tenant, and with the own project of a new sub-account. May raise Refused.
AccountHook = Callable[[Actor, Project], None]

new_accounts: Slot[AccountHook] = Slot()


def run_account_hooks(actor: Actor, project: Project) -> None:
    """Call all that apps above have added."""
    for welcome in new_accounts:
        welcome(actor, project)
