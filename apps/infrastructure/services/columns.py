"""What services of regions and clusters share: names that are unique, and which columns a request may change."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.labels import MAX_NAME
from apps.accounts.single_line import clean_line
from apps.infrastructure.models import Cluster, Region
from apps.lifecycle.errors import Invalid

C = TypeVar("C", bound=Cluster)
T = TypeVar("T")

MAX_ADDRESS = 255
#: Columns with text of one line, and how long it may be.
_LONGEST = {"name": MAX_NAME, "alias": MAX_NAME, "label": MAX_NAME, "fabric_address": MAX_ADDRESS}


def unique(write: Callable[[], T]) -> T:
    """Return what `write` returns. Raises Invalid (field "name") when the name is taken."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError as error:
        raise Invalid({"name": [_("This name is already in use.")]}) from error


def free_name(model: type[C], region: Region, label: str) -> str:
    """Return the label with the first number that is not taken in the region (CL-3)."""
    taken = set(model._default_manager.filter(region=region).values_list("name", flat=True))
    return next(name for number in range(1, len(taken) + 2) if (name := f"{label}-{number}") not in taken)


def only(changes: Mapping[str, Any], allowed: Collection[str]) -> dict[str, Any]:
    """Return the changes with clean texts. Raises Invalid for what is not `allowed`."""
    unknown = set(changes) - set(allowed)
    if unknown:
        raise Invalid({name: [_("This cannot be changed.")] for name in unknown})
    return {
        name: clean_line(name, value, _LONGEST[name], blank=name != "name") if name in _LONGEST else value
        for name, value in changes.items()
    }
