"""Narrowing a list by its state column, in the words of that column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_filters import FilterSet

from apps.api.filter_fields import Choices
from apps.api.filters import ListFilter
from apps.lifecycle.shown_states import ShownState, shown_states

STATUS = "status"


@dataclass(frozen=True)
class Status(Choices):
    """Any of the words that rows of a kind show; see `shown_states`."""

    model: Any = field(default=None, kw_only=True)
    kind: str = field(default="", kw_only=True)

    def states(self) -> Sequence[ShownState]:
        """Return the words; not before all apps have declared their verbs."""
        return shown_states(self.model, self.kind)


def with_status(base: type[ListFilter], model: Any, kind: str) -> type[ListFilter]:
    """Return the list's FilterSet with `status=`. kind: as `shown_states` takes it."""

    def any_of(codes: Sequence[str]) -> Q:
        condition = Q(pk__in=[])
        for state in shown_states(model, kind):
            if state.code in codes or state.status in codes:
                condition |= state.condition
        return condition

    by = {STATUS: Status(_("State"), where=any_of, model=model, kind=kind)}
    return cast(
        "type[ListFilter]", type(f"{base.__name__}ByStatus", (base,), {"by": by, "__doc__": base.__doc__})
    )


def states_of(of: type[FilterSet]) -> Sequence[ShownState]:
    """Return the words that a list's FilterSet takes as `status`."""
    by = of.narrowed_by().get(STATUS) if issubclass(of, ListFilter) else None
    return by.states() if isinstance(by, Status) else []
