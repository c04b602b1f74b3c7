"""What a body looks like, compared with its serializer: no field the serializer does not have, and JSON's own types.

Django REST framework ignores unknown fields and converts types: `"5"` becomes a number and `1` a text. A caller who
misspells a field or sends the wrong type gets an error instead, as the OpenAPI document says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from apps.api import limits
from apps.api.converters import UUID_PATTERN

#: An error's field, names and positions joined by dots, and its message.
Problem = tuple[str, str]
_UUID = re.compile(UUID_PATTERN)


def problems_of(field: Any, sent: Any, path: str = "", beside: Collection[str] = ()) -> Iterator[Problem]:
    """Yield what in `sent` has no place in the field, or another type. `beside`: names that another reader takes."""
    if sent is None:
        return  # whether null is allowed is the field's own to say
    if isinstance(field, serializers.Serializer):
        yield from _of_object(field, sent, path, beside)
    elif isinstance(field, serializers.ListSerializer | serializers.ListField):
        yield from _of_list(field, sent, path)
    elif isinstance(field, serializers.DictField):
        if not isinstance(sent, Mapping):
            yield path, _("Must be an object.")
            return
        for name, value in sent.items():
            yield from problems_of(field.child, value, _join(path, name))
    elif message := _wrong_type(field, sent):
        yield path, message


def unknown(name: str, known: Collection[str], *, what: str) -> str:
    """Return the message for a name that is not among the known ones, with the closest of them."""
    close = _closest(name, known)
    return _("%(what)s Did you mean “%(name)s”?") % {"what": what, "name": close} if close else what


def _of_object(
    field: serializers.Serializer[Any], sent: Any, path: str, beside: Collection[str]
) -> Iterator[Problem]:
    if not isinstance(sent, Mapping):
        yield path, _("Must be an object.")
        return
    fields = {name: each for name, each in field.fields.items() if not each.read_only}
    for name, value in sent.items():
        if name in fields:
            yield from problems_of(fields[name], value, _join(path, name))
        elif name not in beside:
            yield _join(path, name), unknown(name, [*fields, *beside], what=_("Unknown field."))


def _of_list(field: Any, sent: Any, path: str) -> Iterator[Problem]:
    if not isinstance(sent, list):
        yield path, _("Must be a list.")
    elif len(sent) <= (field.max_length or len(sent)):  # a longer one is refused whole
        for position, value in enumerate(sent):
            yield from problems_of(field.child, value, _join(path, str(position)))


def _wrong_type(field: Any, sent: Any) -> str:
    """Return what is wrong with the type of a single value, "" if nothing is."""
    if isinstance(field, serializers.BooleanField):
        return "" if isinstance(sent, bool) else _("Must be true or false.")
    if isinstance(field, serializers.IntegerField):
        return "" if _is_whole(sent) else _("Must be a whole number.")
    if isinstance(field, serializers.FloatField | serializers.DecimalField):
        return "" if _is_number(sent) else _("Must be a number.")
    if isinstance(field, serializers.UUIDField):
        return "" if isinstance(sent, str) and _UUID.fullmatch(sent) else _("Must be a UUID.")
    if isinstance(field, _TEXTS):
        return "" if isinstance(sent, str) else _("Must be a string.")
    return ""


_TEXTS = (
    serializers.CharField,
    serializers.ChoiceField,
    serializers.DateTimeField,
    serializers.DateField,
)


def _is_number(sent: Any) -> bool:
    return isinstance(sent, int | float) and not isinstance(sent, bool)


def _is_whole(sent: Any) -> bool:
    # JSON has one kind of number: 5.0 is 5.
    return _is_number(sent) and (isinstance(sent, int) or sent.is_integer())


def _closest(name: str, known: Collection[str]) -> str:
    plain = {_plain(each): each for each in known}
    found = get_close_matches(_plain(name[: limits.QUOTED]), plain, n=1, cutoff=0.7)
    return plain[found[0]] if found else ""


def _plain(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).casefold()


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
