"""Whether the browser has proved a moment ago who sits in front of it: asked before what a thief would do first."""

from __future__ import annotations

import time

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Forbidden
from apps.lifecycle.verbs import Proof, Verb

#: Session key: when the password, a code or a passkey was last given, in seconds since 1970.
PROVED_AT = "proved_at"
#: Seconds for which that holds.
PROOF_SECONDS = 15 * 60


class NotRecent(Forbidden):
    """Pages lead to where it can be proved; the API answers 403."""

    code = "login.not_recent"


def record_proof(request: HttpRequest) -> None:
    """Keep that the user has just proved who they are."""
    request.session[PROVED_AT] = time.time()


def is_recent(request: HttpRequest) -> bool:
    """Whether that was less than 15 minutes ago."""
    return bool(time.time() - request.session.get(PROVED_AT, 0) < PROOF_SECONDS)


def ensure_recent(actor: Actor) -> None:
    """Raise NotRecent unless a person proved it a moment ago. An API key never has; the platform itself need not."""
    if actor.api_key is not None or not actor.recent:
        raise NotRecent(
            _("Confirm your identity first."),
            hint=_("You logged in more than 15 minutes ago. Enter your password or use your passkey again."),
        )


def ensure_proved(actor: Actor, verb: Verb) -> None:
    """Raise NotRecent when the verb needs a fresh proof and there is none."""
    if verb.proof is Proof.FRESH:
        ensure_recent(actor)
