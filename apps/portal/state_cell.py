"""The state of a row: the pill, the step of what is running below it, and the cause where there is one."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.lifecycle.legality import open_operation
from apps.lifecycle.models import Resource
from apps.lifecycle.state_labels import StateLabel, state_label
from apps.lifecycle.stored_messages import rendered_error
from apps.portal import html
from apps.portal.kinds import resource_url
from apps.portal.why import Why, with_why


def state_cell(row: Resource, area: str, as_of: Any) -> SafeString:
    """Return the cell. It has two lines at most, so that no state makes its row higher."""
    shown = state_label(row)
    running = open_operation(row)
    below = _step(shown) if running is not None else html.as_of(as_of)
    return format_html("{}{}", with_why(shown, str(row.pk), why_of(row, area, shown)), below)


def why_of(row: Resource, area: str, shown: StateLabel | None = None) -> Why | None:
    """Return what is known of why a resource is in its state; None where there is nothing to say."""
    shown = shown or state_label(row)
    running = open_operation(row)
    if running is not None:
        step = shown.reason or _("Waiting for a worker.")
        return Why(step, at=running.created_at, url=resource_url(area, "operation", running.pk))
    if not shown.reason:
        return None
    error = rendered_error(row.error)
    if error["message"] != shown.reason:
        return Why(shown.reason)
    operation = row.error.get("operation")
    url = resource_url(area, "operation", operation) if operation else ""
    return Why(error["message"], hint=error["hint"], code=error["code"], url=url)


def _step(shown: StateLabel) -> SafeString:
    step = shown.reason or _("Waiting for a worker.")
    text = f"{shown.percent} % · {step}" if shown.percent else step
    return format_html('<span class="state-step">{}</span>', text)
