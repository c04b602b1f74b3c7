"""Reading a request: its body by a serializer, and its query, with nothing in either that is not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from apps.api.errors import flat_errors
from apps.api.shapes import problems_of, unknown

Body = type[serializers.Serializer[Any]]
Errors = dict[str, list[str]]


class NoBody(serializers.Serializer[Any]):
    """Of requests that take no field: an empty body or `{}`."""


def read_body(
    body: Body, sent: Any, *, partial: bool = False, beside: Collection[str] = (), **context: Any
) -> dict[str, Any]:
    """Return the validated values. Raises ValidationError. `beside`: names that another reader takes."""
    reader = body(data=sent, partial=partial, context=context)
    if errors := body_errors(reader, sent, beside):
        raise ValidationError(errors)
    return dict(reader.validated_data)


def body_errors(reader: serializers.Serializer[Any], sent: Any, beside: Collection[str] = ()) -> Errors:
    """Return all that is wrong, by field. Of a value of a wrong type only this is said."""
    reader.is_valid()
    shape = {path: [message] for path, message in problems_of(reader, sent, beside=beside)}
    values: Errors = {}
    for error in flat_errors(reader.errors):
        values.setdefault(error["field"], []).append(error["message"])
    return values | shape


def check_query(request: Request, known: Mapping[str, bool]) -> None:
    """Raise ValidationError for a parameter that is not known, or given twice. `known`: whether it may be repeated."""
    errors: Errors = {}
    for name, values in request.query_params.lists():
        if name not in known:
            errors[name] = [unknown(name, known, what=_("Unknown parameter."))]
        elif len(values) > 1 and not known[name]:
            errors[name] = [_("Specify this parameter only once.")]
    if errors:
        raise ValidationError(errors)
