"""The kinds of settings: a number, a flag, a line of text, a choice, a moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from apps.platform_settings.store import stored

Text = str | Promise
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Setting(Generic[T]):
    """One setting.

    name: in the API and the database. group: heading it stands under. help: what it acts on, for people. default: what
    holds while nothing is set; a function where it comes from the environment. unit: of numbers.
    """

    name: str
    group: Text
    label: Text
    help: Text
    default: T | Callable[[], T]
    unit: Text = ""

    def value(self) -> T:
        """Return what holds now."""
        kept = stored()
        return self.load(kept[self.name]) if self.name in kept else self.default_value()

    def default_value(self) -> T:
        """Return what holds while nothing is set."""
        default: Any = self.default
        value: T = default() if callable(default) else default
        return value

    def load(self, kept: Any) -> T:
        """Return the value of what the database keeps."""
        value: T = kept
        return value

    def dump(self, value: T) -> Any:
        """Return the value as JSON."""
        return value

    def clean(self, given: Any) -> T:
        """Return what was typed, or sent as JSON, as a value. Raises ValidationError."""
        value: T = self.form_field().clean(given)
        return value

    def form_field(self) -> forms.Field:
        """Return the field of a form."""
        raise NotImplementedError

    def shown(self, value: T) -> str:
        """Return a value for people, with its unit."""
        return f"{value} {self.unit}".strip()


@dataclass(frozen=True, kw_only=True)
class Number(Setting[int]):
    """A whole number from `least` to `most`."""

    least: int = 0
    most: int = 2_147_483_647

    def clean(self, given: Any) -> int:
        """Take whole numbers only: a JSON true is none."""
        if isinstance(given, bool) or (isinstance(given, float) and not given.is_integer()):
            raise ValidationError(_("Enter a whole number."))
        return super().clean(given)

    def shown(self, value: int) -> str:
        """Return it grouped as the reader is used to, with its unit."""
        return f"{number_format(value, force_grouping=True)} {self.unit}".strip()

    def form_field(self) -> forms.Field:
        """Return a number field."""
        return forms.IntegerField(min_value=self.least, max_value=self.most, label=str(self.label))


@dataclass(frozen=True, kw_only=True)
class Flag(Setting[bool]):
    """Yes or no."""

    def form_field(self) -> forms.Field:
        """Return a box to tick."""
        return forms.BooleanField(required=False, label=str(self.label))

    def shown(self, value: bool) -> str:
        """Say it in a word."""
        return _("yes") if value else _("no")


@dataclass(frozen=True, kw_only=True)
class Line(Setting[str]):
    """Text of at most `longest` characters; it may be empty."""

    longest: int = 200

    def form_field(self) -> forms.Field:
        """Return a field for one line."""
        return forms.CharField(required=False, max_length=self.longest, label=str(self.label))

    def shown(self, value: str) -> str:
        """Say so when there is none."""
        return value or _("none")


@dataclass(frozen=True, kw_only=True)
class Choice(Setting[str]):
    """One of several: value and label of each."""

    choices: tuple[tuple[str, Text], ...]

    def form_field(self) -> forms.Field:
        """Return a list to choose from."""
        return forms.ChoiceField(choices=self.choices, label=str(self.label))

    def shown(self, value: str) -> str:
        """Return the label."""
        return str(dict(self.choices)[value])


@dataclass(frozen=True, kw_only=True)
class Moment(Setting["datetime | None"]):
    """A time, or none."""

    def load(self, kept: Any) -> datetime | None:
        """Return the time."""
        return parse_datetime(kept) if kept else None

    def dump(self, value: datetime | None) -> Any:
        """Return it as ISO 8601."""
        return value.isoformat() if value else None

    def clean(self, given: Any) -> datetime | None:
        """Take ISO 8601 with its zone too, as the API sends it."""
        with_zone = parse_datetime(given) if isinstance(given, str) else None
        if with_zone is not None and with_zone.tzinfo is not None:
            return with_zone
        return super().clean(given)

    def form_field(self) -> forms.Field:
        """Return a field for a time in the reader's zone."""
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        return forms.DateTimeField(required=False, label=str(self.label), widget=widget)

    def shown(self, value: datetime | None) -> str:
        """Say so when there is none."""
        return f"{value:%Y-%m-%d %H:%M:%S %Z}" if value else _("none")
