"""What the services of regions and clusters share: columns as people type them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.labels import MAX_NAME
from apps.accounts.single_line import clean_line
from apps.lifecycle.errors import Invalid

MAX_ADDRESS = 255
#: Columns with text of one line, and how long it may be.
LONGEST = {"name": MAX_NAME, "alias": MAX_NAME, "label": MAX_NAME, "fabric_address": MAX_ADDRESS}

T = TypeVar("T")


def unique(write: Callable[[], T]) -> T:
    """Write a row in a transaction of its own. Raises Invalid when its name is in use."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError as error:
        raise Invalid({"name": [_("This name is already in use.")]}) from error


def only(changes: Mapping[str, Any], allowed: set[str]) -> dict[str, Any]:
    """Return the changes with texts cleaned. Raises Invalid for columns that cannot be changed."""
    unknown = set(changes) - allowed
    if unknown:
        raise Invalid({name: [_("This cannot be changed.")] for name in unknown})
    return {
        name: clean_line(name, value, LONGEST[name], blank=name != "name") if name in LONGEST else value
        for name, value in changes.items()
    }
