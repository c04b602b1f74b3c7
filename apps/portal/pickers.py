"""Choosing one row of many: rows that say what one needs to know before choosing, searchable when there are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db.models import QuerySet

from apps.portal.kinds import Text

#: From so many rows on, a box to search them stands above.
SEARCHED_FROM = 8


@dataclass(frozen=True)
class Pick:
    """A row as offered. figures: cells at its end, in the order of the field's `headings`.

    mark: one letter in a circle. warning: why it may be the wrong choice, in few words. flags: `data-<flag>` attributes
    of its input, for style sheets. place: the region it is in, where there are several.
    """

    title: Text
    detail: Text = ""
    figures: Sequence[object] = ()
    mark: str = ""
    warning: Text = ""
    flags: Sequence[str] = field(default_factory=tuple)
    place: str = ""

    def __str__(self) -> str:
        return str(self.title)


class PickField(forms.ModelChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """One row of a queryset, which `KitForm.prepare` sets together with `describe`."""

    widget = forms.RadioSelect

    def __init__(self, queryset: QuerySet[Any], *, headings: Sequence[Text] = (), **kwargs: Any) -> None:
        super().__init__(queryset, **kwargs)
        self.headings = headings
        self.describe: Callable[[Any], Pick] = lambda row: Pick(str(row))
        #: Where one is made, and what that link is called: shown when there is none.
        self.make: tuple[str, Text] | None = None

    def label_from_instance(self, obj: Any) -> Any:
        """Return the row; radio buttons take it for their label."""
        return self.describe(obj)


class PickSeveralField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # no generic at run time
    """Any number of rows of a queryset."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, queryset: QuerySet[Any], **kwargs: Any) -> None:
        super().__init__(queryset, **kwargs)
        self.headings: Sequence[Text] = ()
        self.describe: Callable[[Any], Pick] = lambda row: Pick(str(row))
        self.make: tuple[str, Text] | None = None

    def label_from_instance(self, obj: Any) -> Any:
        """Return the row; check boxes take it for their label."""
        return self.describe(obj)


def rows_of(bound: forms.BoundField) -> list[dict[str, Any]]:
    """Return a picker's rows for its template: input's attributes, value, whether chosen, and the `Pick`."""
    rows = []
    for sub in bound.subwidgets:
        data: dict[str, Any] = sub.data
        label = data["label"]
        rows.append(
            {
                "id": data["attrs"].get("id", ""),
                "type": data["type"],
                "name": data["name"],
                "value": str(data["value"]),
                "chosen": data["selected"],
                "pick": label if isinstance(label, Pick) else Pick(label),
            }
        )
    return rows
