"""What stands in a form before anybody typed: from a link, or as its own defaults."""

from __future__ import annotations

from copy import copy
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.portal.forms import BaseForm


def query_values(query: QueryDict, form: type[BaseForm]) -> dict[str, Any]:
    """Return the values a link gives for the form's fields; those that cannot be changed are the row's."""
    several = (forms.MultipleChoiceField, forms.ModelMultipleChoiceField)
    return {
        name: query.getlist(name) if isinstance(field, several) else query[name]
        for name, field in form.base_fields.items()
        if name in query and not field.disabled  # what the row alone decides
    }


def as_typed(form: BaseForm) -> BaseForm:
    """Return a copy of a form not sent yet as if it had been sent with the values it shows."""
    twin = copy(form)
    twin.data, twin.is_bound = shown_values(form), True
    # Both belong to the copy: the form itself is still to be drawn as not sent.
    twin._bound_fields_cache = {}  # type: ignore[attr-defined]
    twin._errors = None  # type: ignore[attr-defined]
    return twin


def shown_values(form: BaseForm) -> QueryDict:
    """Return what a browser would send of a form nobody has typed in."""
    sent = QueryDict(mutable=True)
    for bound in form:
        value = bound.value()
        if value is None and isinstance(bound.field.widget, forms.Select):
            value = _first_choice(bound.field.widget)
        values = value if isinstance(value, list | tuple) else [value]
        kept = ["on" if one is True else str(one) for one in values if one not in (None, "", False)]
        if not kept and _has_blank_button(bound.field):
            kept = [""]
        if kept:
            sent.setlist(bound.html_name, kept)
    return sent


def _has_blank_button(field: forms.Field) -> bool:
    """Whether a radio button of its own stands for "nothing", which is pressed when nothing is chosen."""
    return isinstance(field.widget, forms.RadioSelect) and getattr(field, "empty_label", None) is not None


def _first_choice(widget: forms.Select) -> Any:
    """Return what a browser chooses in a list when nobody did."""
    several = isinstance(widget, forms.SelectMultiple | forms.RadioSelect)
    return None if several else next((str(value) for value, _label in widget.choices), None)


def say_what_is_not_kept(form: BaseForm) -> None:
    """Passwords are not sent back to the browser, so that they have to be typed again."""
    for bound in form.visible_fields():
        if isinstance(bound.field.widget, forms.PasswordInput) and bound.value():
            bound.field.help_text = _("Enter it again. It is not stored.")
            bound.help_text = bound.field.help_text
