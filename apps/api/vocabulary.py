"""The words of the OpenAPI document that are known only once all apps are loaded: verbs, kinds and actions.

A field names its set of words; the document has one component for each set, to which all such fields refer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.api.offered import offered
from apps.lifecycle.models import Resource
from apps.lifecycle.verbs import all_verbs

#: Keyword of a schema until the document is complete.
MARK = "x-vocabulary"


def words_of_verbs() -> list[str]:
    """Return the names of all verbs."""
    return sorted(verb.name for verb in all_verbs())


def words_of_kinds() -> list[str]:
    """Return all kinds that verbs act on or that are resources."""
    models = {re.sub(r"(?<!^)(?=[A-Z])", "_", model.__name__).lower() for model in _leaves(Resource)}
    return sorted({verb.kind for verb in all_verbs()} | models)


def words_of_actions() -> list[str]:
    """Return the actions that have an endpoint, as in paths."""
    return sorted({name.split(".")[1].replace("_", "-") for name in offered()})


#: Name of each component, and its words.
VOCABULARIES: dict[str, Callable[[], list[str]]] = {
    "VerbName": words_of_verbs,
    "KindName": words_of_kinds,
    "ActionName": words_of_actions,
}


def _leaves(model: type[Any]) -> Iterator[type[Any]]:
    for each in model.__subclasses__():
        if not each._meta.abstract:
            yield each
        yield from _leaves(each)


def word_of(vocabulary: str) -> dict[str, Any]:
    """Return the schema of one word of a set."""
    return {"type": "string", MARK: vocabulary}


@extend_schema_field(word_of("VerbName"))
class VerbName(serializers.CharField):
    """`<kind>.<action>`."""


@extend_schema_field({"anyOf": [word_of("VerbName"), {"type": "string", "maxLength": 48}]})
class TriedVerb(serializers.CharField):
    """A verb, or the name of a route."""


@extend_schema_field(word_of("KindName"))
class KindName(serializers.CharField):
    """A kind of resource."""


@extend_schema_field(word_of("ActionName"))
class ActionName(serializers.CharField):
    """An action as in paths: POST /<kind>/<id>/<action>; `rename` is PATCH, `delete` and `remove` are DELETE."""


def one_of(words: Sequence[str], **kwargs: Any) -> serializers.CharField:
    """Return a field for one of few words, which the document lists where the field is."""
    field = type("OneOf", (serializers.CharField,), {})
    described: Any = extend_schema_field({"type": "string", MARK: list(words)})
    return described(field)(**kwargs)  # type: ignore[no-any-return]


class WordField(forms.CharField):
    """A query parameter's word. Subclass with the set it is from."""

    vocabulary = ""

    def clean(self, value: Any) -> Any:
        """Return the word; ValidationError for one that is not of the set."""
        word = super().clean(value)
        if word not in VOCABULARIES[self.vocabulary]():
            raise forms.ValidationError(_("Unknown value."))
        return word


class VerbField(WordField):
    vocabulary = "VerbName"


class KindField(WordField):
    vocabulary = "KindName"
