"""Forms of the portal. Fields are drawn by templates/portal/field.html through `{% field %}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
    """A form that knows who fills it in (`self.actor`), so that choices hold only what they may use.

    shown_at: path in the API's body, without numbers of items, → field, where the two have different names.
    """

    shown_at: ClassVar[Mapping[str, str]] = {}

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
        for path, messages in named.items():
            self.add_error(self.field_of(path), [item_text(path, message) for message in messages])

    def field_of(self, path: str) -> str | None:
        """Return the field that shows what is wrong at a path of the API's body; None: none does.

        A part of an item ("data_disks.0.cluster") is shown at the field of that part (`shown_at`), else of the list.
        """
        plain = ".".join(part for part in path.split(".") if not part.isdecimal())
        names = (path, self.shown_at.get(plain, ""), path.split(".", maxsplit=1)[0])
        return next((name for name in names if name in self.fields), None)


def item_text(path: str, message: str) -> str:
    """Return what is wrong at a path of the API's body, with the number of the item in its list."""
    number = next((int(part) + 1 for part in path.split(".") if part.isdecimal()), None)
    return message if number is None else _("Item %(number)s: %(text)s") % {"number": number, "text": message}


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

    name = forms.CharField(label=gettext_lazy("Name"), max_length=63)
    description = forms.CharField(label=gettext_lazy("Description"), max_length=255, required=False)
