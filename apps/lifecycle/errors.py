"""Refusals: what a service raises when it will not do what was asked, before anything was changed.

The API turns them into problem+json, the pages into a message at the field. `code` is stable, `hint` is the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _


class Refused(Exception):
    status = 409
    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        hint: str = "",
        field: str = "",
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.hint = hint
        self.field = field
        self.details = dict(details or {})

    @property
    def headers(self) -> dict[str, str]:
        """Return what the answer says in its head besides, such as when to try again."""
        return {}


class Invalid(Refused):
    """What was typed is wrong. `fields` maps a field's name to its messages."""

    status = 422
    code = "invalid"

    def __init__(self, fields: Mapping[str, Sequence[str]], *, hint: str = "") -> None:
        self.fields = {name: list(messages) for name, messages in fields.items()}
        first = next(iter(self.fields))
        super().__init__(self.fields[first][0], field=first, hint=hint)


class Forbidden(Refused):
    """The actor may see the resource but not do this to it."""

    status = 403
    code = "forbidden"


class NotFound(Refused):
    """There is no such thing, or the actor may not know of it: the answer is the same."""

    status = 404
    code = "not_found"


class NotNow(Refused):
    """The verb is not legal in the resource's present state."""

    code = "state.not_allowed"


class Busy(Refused):
    """Another operation holds the resource."""

    code = "operation.busy"


class InUse(Refused):
    """Other resources depend on it; `details["resources"]` lists them."""

    code = "resource.in_use"


class QuotaExceeded(Refused):
    code = "quota.exceeded"


class NoCapacity(Refused):
    """No host fits; `details["reasons"]` says why not, for how many hosts each."""

    code = "placement.no_host"


class KeyReused(Refused):
    """The key came before with another request."""

    status = 422
    code = "idempotency.mismatch"

    def __init__(self) -> None:
        super().__init__(
            _("This idempotency key was already used with a different request."),
            hint=_("Use a new idempotency key for a new request."),
        )
