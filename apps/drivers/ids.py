"""Identifiers that come from outside."""

import uuid

from apps.drivers.errors import DriverError
from apps.drivers.errors import mark as _


def checked_id(value: str) -> str:
    """Return `value` if it is a UUID in its usual form; nothing else may become part of a path."""
    try:
        good = str(uuid.UUID(value)) == value
    except ValueError:
        good = False
    if not good:
        raise DriverError(
            _("%(value)s is not a valid identifier."),
            values={"value": repr(value)},
            code="driver.bad_id",
            permanent=True,
        )
    return value
