"""How IDs stand in the API's paths: texts, whatever column is behind them."""

from __future__ import annotations

import re
from uuid import UUID

from django.urls import register_converter
from django.urls.converters import UUIDConverter

#: RFC 9562: 8-4-4-4-12 hexadecimal digits; read in either case, always written in lower case.
UUID_PATTERN = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
#: IDs of what is counted: instance types, clusters, entries of the operation log.
NUMBER_PATTERN = "[1-9][0-9]{0,18}"


class IdConverter(UUIDConverter):
    """A UUID in either case; Django's own converter knows lower case only."""

    regex = UUID_PATTERN.replace("(", "(?:")


register_converter(IdConverter, "id")


def canonical(text: str) -> str:
    """Return a UUID as the platform writes it, and any other text as it is."""
    return str(UUID(text)) if re.fullmatch(UUID_PATTERN, text) else text


def in_path(converter: str) -> str:
    """Return the path converter of a kind's keys."""
    return "id" if converter == "uuid" else converter
