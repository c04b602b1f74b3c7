"""Request bodies that every kind shares."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.single_line import composed
from apps.api import limits

_SMALL = "[1-9][0-9]{0,8}"


class Items(serializers.ListField):
    """A list of objects whose length is looked at before the objects are."""

    default_error_messages = {"too_many": _("At most {most} items.")}

    def __init__(self, child: serializers.Serializer[Any], most: int, **kwargs: Any) -> None:
        super().__init__(child=child, max_length=most, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        """Return the validated objects."""
        if isinstance(data, list) and len(data) > (self.max_length or 0):
            self.fail("too_many", most=self.max_length)
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": limits.MEMBERS,
        "additionalProperties": {
            "type": ["string", "number", "boolean", "null"],
            "maxLength": limits.SETTING,
            "minimum": -limits.INTEGER,
            "maximum": limits.INTEGER,
        },
    }
)
class NamedValues(serializers.DictField):
    """Names with a number, flag, text or nothing each; which name takes what is the service's to say."""

    child = serializers.JSONField(allow_null=True)


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": limits.MEMBERS,
        "additionalProperties": {"type": "integer", "minimum": 0, "maximum": limits.INTEGER},
    }
)
class NamedNumbers(serializers.DictField):
    """Names with a whole number each."""

    child = serializers.IntegerField(min_value=0, max_value=limits.INTEGER)


@extend_schema_field(
    {
        "type": ["string", "integer"],
        "pattern": f"^{_SMALL}$",
        "minimum": 1,
        "maximum": limits.NUMBER_ID,
    }
)
class NumberId(serializers.Field[int, Any, str, Any]):
    """The ID of a row that is counted: a text as in every answer, or the number."""

    default_error_messages = {"invalid": _("Must be an ID.")}

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        is_text = isinstance(data, str) and re.fullmatch(_SMALL, data)
        number = data if isinstance(data, int) and not isinstance(data, bool) else int(data) if is_text else 0
        if not 1 <= number <= limits.NUMBER_ID:
            self.fail("invalid")
        return int(number)


class LineField(serializers.CharField):
    """Text of one line, in the form in which it is stored (NFC). What it may hold is the service's to say."""

    def to_internal_value(self, data: Any) -> str:
        """Return it in form C."""
        return composed(super().to_internal_value(data))


class Labels(serializers.Serializer[Any]):
    """Name of a resource."""

    name = LineField(max_length=63, required=False)
    description = LineField(max_length=255, required=False, allow_blank=True)


class ResourceChanges(Labels):
    """What PATCH changes of most kinds."""

    project = serializers.UUIDField(
        required=False, help_text="Moves it to this project of the same tenant, with all that belongs to it."
    )


class NewResource(serializers.Serializer[Any]):
    """Fields of every create request: `name`, and `project` (ID; by default the tenant's default project)."""

    name = LineField(max_length=63)
    description = LineField(max_length=255, required=False, allow_blank=True, default="")
    project = serializers.UUIDField(required=False, allow_null=True, default=None)
