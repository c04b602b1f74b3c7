"""Reading bodies: JSON as RFC 8259 has it, with nothing that two readers could take for different things.

A body is bounded before it is looked at: bytes before it is read, then its shape (limits.py) before any serializer.
Every step takes time in proportion to the body's size.
"""

from __future__ import annotations

import json
import re
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser

from apps.api import limits

#: An escape that may be half of a character.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class TooComplex(APIException):
    """The body has more values, or is nested deeper, than any request needs."""

    status_code = 400
    default_detail = gettext_lazy("The request body is too complex.")
    default_code = "too_complex"


class StrictJsonParser(JSONParser):
    """UTF-8, whole characters, each name once, no NaN or Infinity, no larger, deeper or wider than `limits` says."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return what was sent. Raises ParseError, TooComplex and RequestDataTooBig."""
        try:
            text = read_bounded(stream).decode("utf-8")
            sent: dict[str, Any] = json.loads(text, object_pairs_hook=_each_once, parse_constant=_no_number)
        except RecursionError:
            raise TooComplex(_too_deep()) from None
        except ValueError as error:
            raise ParseError(_("Invalid JSON: %(cause)s") % {"cause": error}) from error
        check_shape(sent)
        if _SURROGATE.search(text):
            _check_characters(sent)
        return sent


def _check_characters(sent: Any) -> None:
    """Raise ParseError for half of a character: it cannot be kept, compared or sent back."""
    try:
        json.dumps(sent, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        cause = _("\\ud800 to \\udfff are only valid in pairs.")
        raise ParseError(_("Invalid JSON: %(cause)s") % {"cause": cause}) from None


def read_bounded(stream: IO[Any]) -> bytes:
    """Return the body. Raises RequestDataTooBig for one that is larger than a body may be."""
    read: bytes = stream.read(limits.BODY_BYTES + 1)
    if len(read) > limits.BODY_BYTES:
        raise RequestDataTooBig
    return read


def check_shape(sent: Any) -> None:
    """Raise TooComplex for what is nested too deeply or has too many values."""
    level, values = [sent], 0
    for _depth in range(limits.DEPTH + 1):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                _check_items(value)
                inner += value
        values += len(inner)
        if values > limits.VALUES:
            raise TooComplex(_("At most %(n)s values in a request body.") % {"n": limits.VALUES})
        if not inner:
            return
        level = inner
    raise TooComplex(_too_deep())


def _check_items(value: list[Any]) -> None:
    if len(value) > limits.ITEMS:
        raise TooComplex(_("At most %(n)s items in a list.") % {"n": limits.ITEMS})


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ParseError(_("“%(name)s” occurs twice.") % {"name": _first_twice(pairs)[: limits.QUOTED]})
    if len(found) > limits.MEMBERS:
        raise TooComplex(_("At most %(n)s names in an object.") % {"n": limits.MEMBERS})
    return found


def _first_twice(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _value in pairs:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _too_deep() -> str:
    return _("At most %(n)s nested lists and objects.") % {"n": limits.DEPTH}


def _no_number(word: str) -> Any:
    raise ParseError(_("%(word)s is not a valid JSON number.") % {"word": word})
