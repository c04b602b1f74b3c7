"""Checking a form while it is filled in: the same validation as when it is sent, and nothing else happens."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse

from apps.portal.page import Page

#: In the query of a POST that asks for the errors only.
CHECK = "check"


def is_check(request: HttpRequest) -> bool:
    """Whether only the errors are requested."""
    return CHECK in request.GET


def touched_in(request: HttpRequest) -> set[str]:
    """Return the names of the fields that were typed in."""
    return {*request.POST.get("touched", "").split(",")}


def field_errors(page: Page, form: forms.Form | None) -> HttpResponse:
    """Return the errors of each field, none for fields that were not typed in."""
    touched = touched_in(page.request)
    found = []
    if form is not None:
        form.is_valid()
        found = [
            (bound, list(bound.errors) if bound.html_name in touched else [])
            for bound in form.visible_fields()
        ]
    return page.show({"field_errors": found}, "portal/field_checks.html")
