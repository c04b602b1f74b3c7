"""A filter in force, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from apps.lifecycle.times import written

if TYPE_CHECKING:
    from apps.portal.controls import Control


def filter_texts(control: Control) -> list[tuple[str, str]]:
    """Return what a control narrows: each parameter it sets, and what that says."""
    label = str(control.label)
    if control.kind in {"number", "moment"}:
        low, high = control.parameters.items()
        texts = [(low[0], _bound(control.kind, label, low[1], first=True))] if low[1] else []
        return texts + ([(high[0], _bound(control.kind, label, high[1], first=False))] if high[1] else [])
    named = {option.value: str(option.label) for option in control.options}
    parts = next(iter(control.parameters.values())).split(",")
    values = ", ".join(named.get(part, part) for part in parts)
    return [(control.name, _said(control, label, values))]


def _said(control: Control, label: str, values: str) -> str:
    words = {"label": label, "value": values}
    if control.kind == "text":
        return (
            _("%(label)s without “%(value)s”") % words
            if control.negated
            else _("%(label)s with “%(value)s”") % words
        )
    return _("%(label)s is not %(value)s") % words if control.negated else _("%(label)s: %(value)s") % words


def _bound(kind: str, label: str, value: str, *, first: bool) -> str:
    if kind == "number":
        words = {"label": label, "value": value}
        return _("%(label)s ≥ %(value)s") % words if first else _("%(label)s ≤ %(value)s") % words
    words = {"label": label, "value": _moment(value)}
    return _("%(label)s from %(value)s") % words if first else _("%(label)s before %(value)s") % words


def _moment(value: str) -> str:
    try:
        at = parse_datetime(value)
        if at is not None and at.tzinfo is not None:
            return written(at)
    except (ValueError, OverflowError):  # no time, or beyond the first or last year in the reader's zone
        pass
    return value.replace("T", " ")
