"""Regions are islands: what is bound together must be of one (RG-2)."""

from __future__ import annotations

from typing import Protocol

from django.utils.translation import gettext as _

from apps.infrastructure.models import Region
from apps.lifecycle.errors import Refused


class Regional(Protocol):
    """Anything with a region and a name: resources and clusters alike."""

    @property
    def name(self) -> str: ...

    @property
    def region(self) -> Region | None: ...

    @property
    def region_id(self) -> int | None: ...


def ensure_one_region(first: Regional, *others: Regional, field: str = "") -> None:
    """Raise Refused (at `field`), naming both, when one of `others` is of another region than `first`."""
    for other in others:
        if other.region_id != first.region_id:
            raise Refused(
                _("%(first)s is in region %(here)s, %(other)s in region %(there)s.")
                % {"first": first.name, "here": first.region, "other": other.name, "there": other.region},
                code="region.mismatch",
                field=field,
                hint=_("Choose both in one region."),
            )
