"""Forms of the portal. Fields are drawn by templates/portal/field.html through `{% field %}`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.single_line import composed
from apps.lifecycle.actor import Actor
from apps.lifecycle.errors import Invalid, Refused

_CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.CheckboxSelectMultiple, "form-check-input"),
    (forms.Select, "form-select"),
    (forms.Widget, "form-control"),
)


class BaseForm(forms.Form):
    """A form that knows who fills it in (`self.actor`), so that choices hold only what they may use."""

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.actor = actor
        self.prepare()
        if self.is_bound:
            self.data = self._composed(self.data)
        for field in self.fields.values():
            _dress(field.widget)

    def prepare(self) -> None:
        """Fill in choices; for subclasses."""

    def _composed(self, data: Any) -> Any:
        """Return the data with texts of one line in the form in which they are stored (NFC)."""
        lines = [name for name, field in self.fields.items() if isinstance(field.widget, forms.TextInput)]
        changed = {
            key: composed(value)
            for key in map(self.add_prefix, lines)
            if isinstance(value := data.get(key), str) and composed(value) != value
        }
        if not changed:
            return data
        data = data.copy()
        for key, value in changed.items():
            data[key] = value
        return data

    def refuse(self, error: Refused) -> None:
        """Show a service's refusal: at the fields it names, or above the form."""
        named = error.fields if isinstance(error, Invalid) else {error.field: [error.message]}
        for name, messages in named.items():
            self.add_error(name if name in self.fields else None, [*messages])


class RowForm(BaseForm):
    """A form about one row (`self.row`): what it offers depends on the row. For many rows at once, there is none."""

    def __init__(self, *args: Any, row: Any = None, **kwargs: Any) -> None:
        self.row = row
        super().__init__(*args, **kwargs)

    def says(self) -> Sequence[Any]:
        """Return what the dialog says beside the action's own sentences. Unlike those, this may query."""
        return []


def _dress(widget: forms.Widget) -> None:
    wanted = next(css for kind, css in _CLASSES if isinstance(widget, kind))
    if wanted not in widget.attrs.get("class", ""):
        widget.attrs["class"] = f"{wanted} {widget.attrs.get('class', '')}".strip()


class LabelsForm(BaseForm):
    """Name and description of any resource."""

    name = forms.CharField(label=_("Name"), max_length=63)
    description = forms.CharField(label=_("Description"), max_length=255, required=False)
