"""Form fields of query parameters: what is read, what is refused, and the bounds the document names."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext
from django_filters.widgets import BooleanWidget

from apps.accounts.single_line import composed
from apps.api import limits
from apps.api.converters import NUMBER_PATTERN

#: Characters of a text to look for, and values of one list of them.
LONGEST = 255
MOST_VALUES = 200
#: PostgreSQL keeps no NUL in texts, so none is looked for.
WITHOUT_NUL = r"^[^\x00]*$"


class FlagField(forms.NullBooleanField):
    """True or false, and no other word."""

    def clean(self, value: Any) -> bool | None:
        """Return the flag; ValidationError for a word that is none."""
        found: bool | None = super().clean(value)
        if found is None and value not in (None, ""):
            raise forms.ValidationError(gettext("Must be true or false."))
        return found


class FlagWidget(BooleanWidget):
    """Keeps a word that is neither true nor false, so that it is refused."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return the flag, or the word."""
        found = super().value_from_datadict(data, files, name)
        return data.get(name) if found is None else found


#: What the document says of one value; whole numbers are IDs, thus texts.
BOUNDS: dict[type[forms.Field], dict[str, int | str]] = {
    forms.CharField: {"maxLength": LONGEST, "pattern": WITHOUT_NUL},
    forms.IntegerField: {"pattern": f"^{NUMBER_PATTERN}$", "maxLength": len(str(limits.INTEGER))},
}


def bounded(field: type[forms.Field]) -> forms.Field:
    """Return a field for one value, bounded as the document says."""
    if field is forms.CharField:
        return ComposedField(max_length=LONGEST)
    if field is forms.IntegerField:
        return forms.IntegerField(min_value=0, max_value=limits.INTEGER)
    return field()


class ComposedField(forms.CharField):
    """Text in the form in which names are stored."""

    def to_python(self, value: Any) -> str:
        """Return it in form C."""
        return composed(super().to_python(value) or "")


class Words(filters.CharFilter):
    """The search box's parameter."""

    field_class = ComposedField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, max_length=LONGEST, **kwargs)


class AnyOfWidget(forms.SelectMultiple):
    """Reads `?state=a&state=b` and `?state=a,b` alike."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Return the single values."""
        given = data.getlist(name) if isinstance(data, MultiValueDict) else [data.get(name) or ""]
        return [part for text in given for part in text.split(",") if part]


class AnyOfField(forms.Field):
    """A list of values, each read by `each`."""

    widget = AnyOfWidget

    def __init__(self, each: forms.Field) -> None:
        super().__init__(required=False)
        self.each = each

    def clean(self, value: Any) -> list[Any]:
        """Return the values; ValidationError of the first that makes no sense."""
        if len(value or ()) > MOST_VALUES:
            raise forms.ValidationError(gettext("At most %(n)s values.") % {"n": MOST_VALUES})
        return [self.each.clean(part) for part in value or ()]
