"""Reading bodies: JSON as RFC 8259 has it, with nothing that two readers could take for different things."""

from __future__ import annotations

import json
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class StrictJsonParser(JSONParser):
    """UTF-8, each name once, no NaN or Infinity, and no deeper than Python can follow."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        """Return what was sent. Raises ParseError."""
        try:
            sent: dict[str, Any] = json.loads(
                stream.read().decode("utf-8"), object_pairs_hook=_each_once, parse_constant=_no_number
            )
        except RecursionError:
            raise ParseError(_("The JSON is nested too deeply.")) from None
        except ValueError as error:
            raise ParseError(_("This is no JSON: %(cause)s") % {"cause": error}) from error
        return sent


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(_("“%(name)s” stands there twice.") % {"name": twice[:63]})
    return found


def _no_number(word: str) -> Any:
    raise ParseError(_("%(word)s is no number in JSON.") % {"word": word})
