"""Places that an app offers to the apps above it, so that a lower app need not know a higher one.

The lower app declares a `Slot` and iterates over it; an app above fills it in its own `slots.py`, found as verbs and
handlers are. So everything that an app adds elsewhere stands in one file. Pages' slots are in `apps.portal.slots`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Generic, TypeVar

from django.utils.module_loading import autodiscover_modules

Filling = TypeVar("Filling")


class Slot(Generic[Filling]):
    """What apps above have added, in the order of INSTALLED_APPS."""

    def __init__(self, *fillings: Filling) -> None:
        """Offer a slot; `fillings`: what the app that offers it puts there itself."""
        self._fillings = list(fillings)

    def __iter__(self) -> Iterator[Filling]:
        _discover()
        return iter(tuple(self._fillings))

    def fill(self, *fillings: Filling) -> None:
        """Add to it; for `slots.py` of an app above."""
        self._fillings.extend(fillings)


@cache
def _discover() -> None:
    autodiscover_modules("slots")
