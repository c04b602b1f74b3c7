"""The summary beside a create form: what is still missing, what would be refused, and what it would take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms import BoundField
from django.http import HttpRequest
from django.urls import reverse

from apps.lifecycle.errors import Invalid, Refused
from apps.lifecycle.forecast import Forecast
from apps.portal.api_call import ApiCall, Encoder, placeholder
from apps.portal.forms import BaseForm, item_text


@dataclass(frozen=True)
class Summary:
    """A form as filled in so far, the forecast for it, and the same as an API call."""

    form: BaseForm
    seen: Forecast
    call: ApiCall

    @property
    def missing(self) -> list[BoundField]:
        """Fields that must be filled in and are empty."""
        return [bound for bound in self.form.visible_fields() if _is_missing(bound)]

    @property
    def wrong(self) -> list[tuple[BoundField, str]]:
        """Fields filled in wrongly, each with what is wrong."""
        return [
            (bound, messages[0])
            for bound in self.form.visible_fields()
            if not _is_missing(bound) and (messages := _wrong(self.form, bound, self.seen))
        ]

    @property
    def refusals(self) -> list[Refused]:
        """What else would be refused, beside single fields that were typed wrong."""
        return [error for error in self.seen.refusals if not isinstance(error, Invalid)] + [
            Invalid({name: messages})
            for error in self.seen.refusals
            if isinstance(error, Invalid)
            for name, messages in error.fields.items()
            if self.form.field_of(name) is None and not self.form.errors
        ]

    @property
    def problem_count(self) -> int:
        """How many things are wrong."""
        return len(self.wrong) + len(self.refusals)

    @property
    def ready(self) -> bool:
        """Whether the button would do it."""
        return not (self.missing or self.wrong or self.refusals)


def errors_at(bound: BoundField, summary: Summary | None, touched: set[str]) -> Sequence[str]:
    """Return what to say at a field while the form is being filled in: nothing before it has been typed in."""
    if bound.html_name not in touched:
        return []
    if summary is None:
        return list(map(str, bound.errors))
    refused = [
        item_text(error.field, error.message)
        for error in summary.seen.refusals
        if not isinstance(error, Invalid) and summary.form.field_of(error.field) == bound.name
    ]
    return [*_wrong(summary.form, bound, summary.seen), *refused]


def call_for(request: HttpRequest, plural: str, form: BaseForm, body: Mapping[str, Any]) -> ApiCall:
    """Return the call that sends `body`, secrets replaced."""
    return ApiCall(
        request.build_absolute_uri(reverse(f"api:{plural}")),
        {name: placeholder(name) if _is_secret(form, name) else value for name, value in body.items()},
    )


def as_json(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as the API would receive it: IDs are strings, decimals are numbers."""
    received: dict[str, Any] = json.loads(json.dumps(body, cls=Encoder))
    return received


def cleaned(form: BaseForm) -> dict[str, Any]:
    """Return the data of a form, of which fields that are wrong are missing."""
    form.is_valid()
    return dict(form.cleaned_data)


def _is_secret(form: BaseForm, name: str) -> bool:
    return name in form.fields and isinstance(form.fields[name].widget, forms.PasswordInput)


def _is_missing(bound: BoundField) -> bool:
    return bound.field.required and bound.data in (None, "", [])


def _wrong(form: BaseForm, bound: BoundField, seen: Forecast) -> list[str]:
    """Return what is wrong with what was typed: as the form finds, else as the service does."""
    if bound.errors:
        return list(map(str, bound.errors))
    return [
        item_text(path, message)
        for error in seen.refusals
        if isinstance(error, Invalid)
        for path, messages in error.fields.items()
        if form.field_of(path) == bound.name
        for message in messages
    ]
