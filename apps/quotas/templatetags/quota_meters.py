"""Quotas as meters, in a card of other things: {% load quota_meters %}, {% quota_meter use %}."""

from __future__ import annotations

from typing import Any

from django import template

from apps.quotas.selectors import Use
from apps.quotas.templatetags.quota_rings import shown

register = template.Library()


@register.inclusion_tag("quotas/meter.html")
def quota_meter(use: Use) -> dict[str, Any]:
    """Draw use against limit in a line, with a link to what uses it."""
    return shown(use)
