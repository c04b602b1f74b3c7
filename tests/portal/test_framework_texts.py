"""What the frameworks say of bad input reaches users in our words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.core import validators
from django.core.exceptions import ValidationError
from django.utils import translation
from rest_framework import fields, relations, serializers
from rest_framework import validators as api_validators

pytestmark = pytest.mark.requirement("UX-12")

#: How the frameworks begin their sentences.
THEIRS = re.compile(
    r"^(Ensure|This (field|value|list|selection)|Select a valid|Enter a valid|A valid|Expected a)"
)


def _texts() -> Iterator[tuple[str, str]]:
    for module in (forms, fields, relations, serializers):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            for text in getattr(cls, "default_error_messages", {}).values():
                yield f"{module.__name__}.{name}", str(text)
    for module in (validators, api_validators):
        for name, cls in inspect.getmembers(module, inspect.isclass):
            # What takes a plural is a proxy that wants its number first.
            message: Any = getattr(cls, "message", "")
            if message and "Length" not in name:
                yield f"{module.__name__}.{name}", str(message)


def test_no_class_of_fields_or_validators_keeps_the_frameworks_sentences() -> None:
    with translation.override("en"):
        assert sorted({(where, text) for where, text in _texts() if THEIRS.match(text)}) == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (forms.IntegerField(max_value=10), "11", "At most 10."),
        (forms.IntegerField(min_value=1), "0", "At least 1."),
        (forms.CharField(max_length=3), "four", "At most 3 characters; this has 4."),
        (forms.CharField(), "", "Required."),
        (forms.EmailField(), "nobody", "Enter an email address such as name@example.com."),
        (forms.ChoiceField(choices=[("a", "A")]), "b", "b is not available. Choose another one."),
    ],
)
def test_forms_speak_plainly(field: forms.Field, value: str, said: str) -> None:
    with translation.override("en"), pytest.raises(ValidationError) as refused:
        field.clean(value)
    assert refused.value.messages == [said]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (serializers.IntegerField(max_value=10), 11, "At most 10."),
        (serializers.CharField(max_length=3), "four", "At most 3 characters."),
        (serializers.UUIDField(), "x", "Must be a UUID."),
        (serializers.BooleanField(), "perhaps", "true or false."),
    ],
)
def test_the_api_speaks_as_plainly(
    field: serializers.Field[Any, Any, Any, Any], value: object, said: str
) -> None:
    with translation.override("en"), pytest.raises(serializers.ValidationError) as refused:
        field.run_validation(value)
    assert [str(each) for each in refused.value.detail] == [said]
