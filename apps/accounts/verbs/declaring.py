"""How verbs about accounts are declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.lifecycle.verbs import Obstacle, Proof, Text, Verb, VerbClass, declare

#: Why a verb needs no fresh proof.
TAKES_AWAY = "takes access away"
NO_ACCESS = "gives nobody access"


def declare_account(
    name: str,
    label: Text,
    permission: str,
    icon: str = "",
    *,
    verb_class: VerbClass = VerbClass.ACCOUNTS,
    destructive: bool = False,
    obstacle: Obstacle | None = None,
    proof: Proof = Proof.NONE,
    no_proof: str = "",
    while_acting: bool | None = None,
) -> Verb:
    """Declare what is done to accounts."""
    return declare(
        Verb(
            name,
            label=label,
            doing=label,
            permission=permission,
            icon=icon,
            destructive=destructive,
            obstacle=obstacle,
            on_resource=False,
            verb_class=verb_class,
            proof=proof,
            no_proof=no_proof,
            while_acting=while_acting,
        )
    )


def declare_own(
    name: str,
    label: Text,
    *,
    destructive: bool = False,
    proof: Proof = Proof.NONE,
    while_acting: bool | None = None,
) -> Verb:
    """Declare what people do about their own account: in a session only."""
    return declare_account(
        name,
        label,
        "self",
        verb_class=VerbClass.OWN_ACCOUNT,
        destructive=destructive,
        proof=proof,
        while_acting=while_acting,
    )


def must_be_inactive(user: User) -> Text | None:
    """Return why an account cannot be activated."""
    return _("The account is already active.") if user.is_active else None


def must_be_active(user: User) -> Text | None:
    """Return why an account cannot be deactivated."""
    return None if user.is_active else _("The account is already inactive.")
