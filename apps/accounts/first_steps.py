"""What a user may have to do before anything else, and the refusal until then."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _


class SomethingFirst(PermissionDenied):
    """The request is refused until its user has done something else; `code`, `text` and `hint` say what."""

    def __init__(self, code: str, text: str, hint: str) -> None:
        super().__init__(text)
        self.code, self.text, self.hint = code, text, hint


def password_first() -> SomethingFirst:
    """Return the refusal of whoever has not replaced a generated password."""
    return SomethingFirst(
        "password.must_change",
        _("Set a new password first."),
        _("Log in to the portal and set a new password under Account, Security."),
    )


def second_factor_first() -> SomethingFirst:
    """Return the refusal of an administrator who must set up a second factor."""
    return SomethingFirst(
        "two_factor.must_set_up",
        _("Set up a second factor first."),
        _("Log in to the portal and add an authenticator app or a passkey under Account, Security."),
    )


def acting_ended(text: str) -> SomethingFirst:
    """Return the refusal of a request meant for a tenant that its administrator no longer acts as."""
    return SomethingFirst(
        "acting.ended",
        text,
        _("Nothing was changed. Act as a tenant again, or send the request as the administrator."),
    )
