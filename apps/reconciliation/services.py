"""What the administrator can do about a finding, or about a resource in trouble. The same calls behind pages and API.

Nothing here reaches a host or the network: `do` writes an operation, and a worker carries it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.models import Operation, Resource
from apps.reconciliation.models import Finding

#: A finding, or a resource that `selectors.in_trouble` lists.
Subject = Finding | Resource


class Action(models.TextChoices):
    """resync: make what is there match the rows. retry: the failed operation again. roll_back: make the row match
    what is there. force_clean: remove the row, or what is left without one, for good; give quota and addresses back.
    """

    RESYNC = "resync", _("Resync")
    RETRY = "retry", _("Retry")
    ROLL_BACK = "roll_back", _("Roll back")
    FORCE_CLEAN = "force_clean", _("Force clean")


@dataclass(frozen=True)
class Choice:
    """An action and the reason why it is not possible now ("" when it is)."""

    action: Action
    reason: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the action is possible now."""
        return not self.reason


@dataclass(frozen=True)
class Preview:
    """What an action will do, in plain sentences, and what is lost for good by it (empty: nothing)."""

    done: Sequence[str]
    lost: Sequence[str] = ()


def actions(subject: Subject) -> list[Choice]:
    """Return all four actions with the reason why not. No query if `selectors` fetched the subject."""
    raise NotImplementedError


def preview(subject: Subject, action: Action) -> Preview:
    """Say what the action would do, from rows alone."""
    raise NotImplementedError


def do(actor: Actor, subject: Subject, action: Action) -> Operation:
    """Ask for the action; the operation that carries it out. Asked twice, the one under way is returned.

    Raises Forbidden (administrators only), NotFound, NotNow (`reason` of the choice), Busy, InUse.
    """
    raise NotImplementedError


def dismiss(actor: Actor, finding: Finding) -> Finding:
    """Do not list an open finding any more while it stays as it is. Raises Forbidden, NotNow."""
    raise NotImplementedError


def reopen(actor: Actor, finding: Finding) -> Finding:
    """List a dismissed finding again. Raises Forbidden, NotNow."""
    raise NotImplementedError
